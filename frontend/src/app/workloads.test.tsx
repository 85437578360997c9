// Every workload on the page is looked at, however many there are, a few at once; what is not known is said to be so.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AT_ONCE, type Instance, type List, type Sample } from '@/lib/api';
import { prediction } from '@/mocks/forecasts';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const [pattern] = instances as [Instance];
const had = [...instances];
const mock = globalThis.fetch;
let [under, most] = [0, 0];
let risk: (id: string) => number | null | 'lost' = () => 0.1;
/** How many inputs of which workload wait for CPU. */
let waiting: Record<string, number> = {};
beforeEach(() => {
  [under, most] = [0, 0];
  waiting = {};
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = new URL(String(input), 'http://mock');
    const id = url.searchParams.get('instance_id') ?? '';
    const one = url.pathname.endsWith('/metrics') || (id !== '' && !url.searchParams.has('resource'));
    // The chart of the chosen one asks for an hour of it.
    if (!one || url.searchParams.get('minutes') === '60') return mock(input, init);
    under += 1;
    most = Math.max(most, under);
    await new Promise((done) => setTimeout(done, 1));
    under -= 1;
    if (id === '') {
      const answer = await mock(input, init);
      const lag = waiting[url.pathname.split('/').at(-2) ?? ''];
      if (!lag) return answer;
      const list = (await answer.json()) as List<Sample>;
      return new Response(JSON.stringify({ ...list, data: list.data.map((s) => ({ ...s, throttled_millis: 998, input_lag: lag })) }));
    }
    const said = risk(id);
    if (said === 'lost') return new Response('{"title":"Gone","status":404}', { status: 404 });
    const whole = prediction(url.searchParams);
    const series = said === null ? [] : whole.series.map((s) => ({ ...s, points: s.points.map((p) => ({ ...p, risk: said })) }));
    return new Response(JSON.stringify({ ...whole, series }));
  }) as typeof fetch;
});
afterEach(() => { cleanup(); forget(); queryClient.clear(); globalThis.fetch = mock; instances.splice(0, instances.length, ...had); });

async function visit(count: number) {
  asRole.role = 'tenant';
  instances.splice(0, instances.length, ...Array.from({ length: count }, (_, i) => ({ ...pattern, id: `ins_${i}`, name: `job-${i}` })));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: ['/workloads'] }))} /></QueryClientProvider>);
  await waitFor(() => expect(document.querySelector('.answer')?.textContent).toContain(`of ${count} run`));
}
const answer = () => document.querySelector('.answer')?.textContent ?? '';

it('the last of 64 workloads may be the one that runs short, and has its figures', async () => {
  risk = (id) => (id === 'ins_63' ? 0.9 : id === 'ins_40' ? 0.5 : 0.1);
  await visit(64);
  // Before the first answer nothing is called safe.
  expect(answer()).not.toMatch(/None is likely/);
  await waitFor(() => expect(answer()).toBe('64 of 64 run. job-63 is the most likely to run short soon, with 90\u2009% chance; 1 more is at risk.'));
  expect(most).toBeGreaterThan(1);
  expect(most).toBeLessThanOrEqual(AT_ONCE);
});
it('what is not known is neither called safe nor left as a dash without a word', async () => {
  risk = (id) => (id === 'ins_2' ? 'lost' : id === 'ins_1' ? null : 0.1);
  await visit(3);
  await waitFor(() => expect(answer()).toBe('3 of 3 run. Of those that are known none is likely to run short soon. Not counted: 1 without a forecast yet, 1 that could not be read.'));
  const rows = screen.getAllByRole('row').map((r) => r.textContent ?? '');
  expect(rows.filter((r) => r.includes('There is no forecast yet'))).toHaveLength(1);
  expect(rows.filter((r) => r.includes('It could not be read; it is tried again'))).toHaveLength(1);
});
it('one that waits for CPU is named, marked in its row and shown first, and stays shown when another waits as well', async () => {
  risk = () => 0.1;
  waiting = { ins_2: 163 };
  await visit(3);
  await waitFor(() => expect(answer()).toBe('3 of 3 run. job-2 waits for CPU now, 163 inputs behind. No other is likely to run short soon.'));
  const shown = await screen.findByRole('region', { name: 'job-2' });
  expect(shown.textContent).toContain('Running, waits for CPU 163 inputs behind');
  expect(screen.getAllByRole('row').find((r) => r.textContent?.startsWith('job-2'))?.textContent).toContain('Running, waits for CPU');
  waiting = { ins_1: 900, ins_2: 163 };
  await queryClient.refetchQueries({ queryKey: ['sample of workload'] });
  await waitFor(() => expect(answer()).toContain('job-1 waits for CPU now, 900 inputs behind; 1 more waits.'));
  expect(screen.queryByRole('region', { name: 'job-1' })).toBeNull();
  expect(screen.getByRole('region', { name: 'job-2' })).toBeTruthy();
});
