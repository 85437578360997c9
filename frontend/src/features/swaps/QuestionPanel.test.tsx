// What a person sees of a move before they answer, and the queue of those that wait.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import type { ReactNode } from 'react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { OneSwap, Swap } from '@/lib/api';
import { ago } from '@/mocks/clock';
import { asRole } from '@/mocks/setup';
import { swaps } from '@/mocks/swaps';
import { QuestionPanel } from './QuestionPanel';
import { askerText, expectedPause, leftText, purposeText } from './question';
import { WaitingPanel } from './WaitingPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: ReactNode }) => <a href="/">{children}</a> }));
beforeEach(() => { asRole.role = 'operator'; });
afterEach(cleanup);

const waiting = () => {
  const swap = swaps.find((s) => s.state === 'awaiting_approval');
  if (!swap?.approval) throw new Error('no fixture');
  return { ...swap, approval: { ...swap.approval, answer_by: ago(-65) } };
};
const one = (swap: Swap): OneSwap => ({ ...swap, participant_name: 'Genomics', answered_by_name: null, cutover: { pause_micros: 4_200, bytes: 419_430, learned_from_moves: 18 } });
const show = (node: ReactNode) => render(<QueryClientProvider client={new QueryClient()}>{node}</QueryClientProvider>).container;

it('shows the evidence, the expected pause, what for, who asks and the time left, beside the answer', async () => {
  const text = show(<QuestionPanel swap={one(waiting())} />).textContent;
  for (const part of ['Passed the same at 24 compared inputs; it goes on', 'the same at 24 of them', '1 input behind; 1.2 ms an input, the workload itself 850 µs', 'about 4.2 ms, learned from the newest 18 moves', 'it won its slot in fra1-hp', 'Genomics']) expect(text).toContain(part);
  expect(text).toMatch(/\d+ s left/);
  expect(await screen.findByRole('button', { name: 'Approve…' })).toBeTruthy();
  expect(screen.getByRole('button', { name: 'Reject…' })).toBeTruthy();
});
it('shows no question where it is answered, withdrawn, cancelled, or not asked yet', () => {
  const swap = waiting();
  const answer = { verdict: 'rejected' as const, by: 'usr_1', at: ago(1), reason: 'no' };
  for (const other of [{ ...swap, state: 'shadow' }, { ...swap, approval: { ...swap.approval, answer } }, { ...swap, cancel_requested: 'no' }, { ...swap, approval: { ...swap.approval, withdrawn: { reason: 'superseded', detail: 'x' } } }]) {
    expect(show(<QuestionPanel swap={one(other)} />).textContent).toBe('');
    cleanup();
  }
});
it('lists what waits, what ends first on top, and says so where nothing does', async () => {
  const first = waiting();
  const later = { ...first, id: 'swp_2', instance_name: 'later', approval: { ...first.approval, answer_by: ago(-600) } };
  const queue = show(<WaitingPanel swaps={[later, first, { ...first, id: 'swp_3', state: 'shadow', instance_name: 'not yet' }]} />);
  await waitFor(() => expect(queue.querySelectorAll('tbody tr')).toHaveLength(2));
  expect([...queue.querySelectorAll('tbody tr')].map((row) => row.querySelector('a')?.textContent)).toEqual([first.instance_name, 'later']);
  await waitFor(() => expect(queue.textContent).toContain('about 4.2 ms'));
  cleanup();
  const none = show(<WaitingPanel swaps={[]} />);
  await waitFor(() => expect(none.textContent).toContain('No move waits for an answer.'));
  cleanup();
  asRole.role = 'tenant';
  const { container } = render(<QueryClientProvider client={new QueryClient()}><WaitingPanel swaps={[first]} /></QueryClientProvider>);
  await new Promise((done) => setTimeout(done, 50));
  expect(container.textContent).toBe('');
});
it('counts down in words, and names what for', () => {
  const at = Date.parse('2026-11-20T10:00:00Z');
  expect([90_500, 59_000, 1, 0, -5].map((left) => leftText(new Date(at + left).toISOString(), at))).toEqual(['1 min 31 s left', '59 s left', '1 s left', 'too late', 'too late']);
  const cause = (kind: string) => [{ kind, order: null, orders: 0, pool: 'p', resource: 'cpu_milli' as const, quantity: 1, pays: '0', is_paid: '0' }];
  const of = (causes: Swap['causes'], pool_to = 'p') => purposeText({ causes, pool_from: 'p', pool_to });
  expect([of(cause('drained')), of(cause('won')), of(cause('won'), 'q'), of([], 'q'), of([])]).toEqual(['its node is drained', 'room for what it won', 'it won its slot in q', 'it comes home', 'its place in this slot is there']);
  expect(askerText({ causes: cause('drained'), participant_name: 'Genomics' })).toContain('draining its node');
  expect([expectedPause(null), expectedPause({ pause_micros: 0, bytes: 0, learned_from_moves: 3 })]).toEqual(['not known', 'too short to measure']);
});
