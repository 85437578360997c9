import { expect, it } from 'vitest';
import { standing } from './vacate';

const ended = (passed: boolean, at_end: 'shrink' | 'stop' = 'shrink') => ({ at_end, asked_at: '2026-11-20T10:00:00Z', ended_at: '2026-11-20T10:00:05Z', passed, detail: 'seen' });
const of = (rest: Partial<Parameters<typeof standing>[0]>) => standing({ at_end: 'shrink', state: 'running', ...rest });

it('says what a drill has shown', () => {
  expect(of({ shown_at_end: 'shrink', drill: ended(true) })).toMatchObject({ tone: 'ok', detail: 'seen', at: '2026-11-20T10:00:05Z' });
});
it('says that bids wait where it failed, or was not made yet', () => {
  expect(of({ drill: ended(false) })).toMatchObject({ tone: 'bad', detail: 'seen' });
  expect(of({}).title).toContain('Not shown yet');
  expect(of({ state: 'stopped' }).detail).toContain('when it runs');
});
it('has nothing to drill while it stands still', () => {
  const suspended = { since: '2026-11-20T10:00:00Z', needs: { mem_mib: 120 } };
  expect(of({ at_end: 'checkpoint', suspended }).title).toContain('could be drilled');
  expect(of({ at_end: 'checkpoint', shown_at_end: 'checkpoint', suspended }).tone).toBe('ok');
});
it('keeps what was shown while another drill waits', () => {
  expect(of({ shown_at_end: 'shrink', drill: { ...ended(false), ended_at: null, detail: null } }).tone).toBe('ok');
});
it('tells of a drill that failed while it may be stopped', () => {
  expect(of({ at_end: 'stop', drill: ended(false) })).toMatchObject({ tone: 'acc', detail: 'seen' });
});
it('needs nothing of one that may be stopped', () => {
  expect(of({ at_end: 'stop', drill: ended(true, 'stop') }).tone).toBe('acc');
});
