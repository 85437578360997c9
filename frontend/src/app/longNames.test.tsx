// Names that others have chosen may be long: no column goes out of sight for one, and the whole name is one hover away.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { changes } from '@/mocks/audit';
import { asRole } from '@/mocks/setup';
import { instances, swaps } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const LONG = 'x'.repeat(100);
const had = { instances: structuredClone(instances), changes: structuredClone(changes), swaps: structuredClone(swaps) };
afterEach(() => { cleanup(); forget(); queryClient.clear(); instances.splice(0, instances.length, ...structuredClone(had.instances)); changes.splice(0, changes.length, ...structuredClone(had.changes)); swaps.splice(0, swaps.length, ...structuredClone(had.swaps)); });

for (const [path, table] of [['/workloads', 'Workloads'], ['/audit', 'Changes'], ['/swaps', 'Swaps']] as const) {
  it(`in ${table} it is cut, with the whole of it on hover`, async () => {
    for (const i of instances) i.name = LONG;
    for (const s of swaps) s.instance_name = LONG;
    for (const e of changes) { e.details = { ...(e.details as object), name: LONG }; e.object = 'ins_01kab6q0zx3f4qw88hv2rstop1'; }
    asRole.role = 'tenant';
    render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
    const rows = await screen.findByRole('table', { name: table });
    const name = [...rows.querySelectorAll('.trunc')].find((e) => e.textContent === LONG) as HTMLElement;
    expect([name.title.startsWith(LONG), name.style.maxWidth !== '']).toEqual([true, true]);
  });
}

it('the audit calls a workload by its name also where the change does not have it', async () => {
  changes.unshift({ ...(changes[2] as (typeof changes)[number]), id: 'aud_x', action: 'instance.strategy_set', object: instances[0]?.id ?? '', details: { strategy: { auto_bid: null, auto_offer: null } } });
  asRole.role = 'tenant';
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: ['/audit?change=aud_x'] }))} /></QueryClientProvider>);
  expect((await screen.findAllByText('variant-caller-07')).length).toBeGreaterThan(0);
  expect(screen.getByText('Details, as they were sent').closest('details')?.open).toBe(false);
});
