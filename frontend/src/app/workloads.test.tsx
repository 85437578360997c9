// Every workload on the page is looked at, however many there are, a few at once; what is not known is said to be so.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AT_ONCE, type Instance } from '@/lib/api';
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
beforeEach(() => {
  [under, most] = [0, 0];
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
    if (id === '') return mock(input, init);
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
