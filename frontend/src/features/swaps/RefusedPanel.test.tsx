import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Swap } from '@/lib/api';
import { swaps } from '@/mocks/swaps';
import { RefusedPanel } from './RefusedPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/workloads">{children}</a> }));
afterEach(cleanup);
const refused = swaps.find((s) => s.difference_count > 0) as Swap;
const said = (swap: Swap) => render(<RefusedPanel swap={swap} />).container;

it('says what a refused shadow run means, what to do, and that nothing was changed', () => {
  const { textContent: text } = said(refused);
  expect(text).toContain('The copy answered otherwise');
  expect(text).toContain('not part of its inputs: a property of the node, a clock or chance');
  expect(text).toContain('Make the program depend on its inputs alone');
  expect(text).toContain('"performance_only"');
  expect(text).toContain('Nothing was changed. counter-03 went on where it was');
  expect(said(refused).querySelector('a[href="/docs"]')).toBeTruthy();
});
it('tells a state that differs from an answer that does', () => {
  const of = (differences: Swap['differences']) => said({ ...refused, differences, difference_count: differences.length }).textContent;
  expect(of([{ position: 1, field: 'state', live: 'a', shadow: 'b' }])).toContain('"state_hash": false');
  expect(of([{ position: 1, field: 'output.0', live: '1', shadow: '2' }])).not.toContain('state_hash');
});
it('is there for nothing else', () => {
  const other: Partial<Swap>[] = [{ state: 'done' }, { state: 'aborted', difference_count: 0, reason: 'deadline' }, { difference_count: 0, reason: 'shadow_mismatch' }];
  for (const part of other) expect(said({ ...refused, ...part }).textContent).toBe('');
});
