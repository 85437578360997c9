// An adopted pod: what it is, and that stopping it gives its container back what it had.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { toasts } from '@/components/ui/toast';
import type { Instance } from '@/lib/api';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { watchWrites } from '@/mocks/writes';
import { Detail } from './Detail';
import { driverName } from './health';

vi.mock('@/components/charts/TimeChart', () => ({ TimeChart: () => null }));
vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a>, useNavigate: () => () => {}, useSearch: () => ({}), useLocation: () => ({ pathname: '/' }), useRouterState: () => ({}) }));
const cpu = (cpu_milli: number) => ({ cpu_milli });
const adopted: Instance = {
  ...structuredClone(instances[0] as Instance), name: 'checkout', driver: 'kubernetes', module: 'mod_pod', baseline: cpu(800), floor: cpu(400), limit: cpu(4000), in_force: cpu(800),
  adopted: { kind: 'pod', namespace: 'shop', name: 'checkout-7f9c4d-x2x8z', uid: '7d1c', container: 'app' },
};
const before = structuredClone(instances[0]) as Instance;
const writes = watchWrites();
beforeEach(() => { asRole.role = 'tenant'; });
afterEach(() => { cleanup(); toasts.set([]); Object.assign(instances[0] as Instance, { adopted: undefined }, structuredClone(before)); });
const open = (change: Partial<Instance> = {}) => {
  Object.assign(instances[0] as Instance, adopted, change);
  return render(<QueryClientProvider client={new QueryClient()}><Detail instance={structuredClone(instances[0]) as Instance} behind={null} onRegister={() => {}} /><Toaster /></QueryClientProvider>);
};
const said = (term: string) => screen.getByText(term, { selector: 'dt' }).nextElementSibling?.textContent;

it('says which pod and container it is', () => {
  open();
  expect(['Driver', 'Pod'].map(said)).toEqual(['Kubernetes pod', 'shop/checkout-7f9c4d-x2x8z']);
  expect(said('Container')).toMatch(/^appIt stays on its node: its bids win only while its own node has room\./);
  expect([screen.queryByText('Giving memory back'), screen.queryByText('Command'), driverName(adopted)]).toEqual([null, null, 'Kubernetes pod']);
});
it('stopped gives its container back the CPU that it had', async () => {
  open({ state: 'running', swap: null });
  fireEvent.click(await screen.findByRole('button', { name: 'Stop' }));
  const dialog = await screen.findByRole('dialog');
  expect(dialog.textContent).toContain('Stopping gives its container back the CPU that it had when it was adopted, and lets the pod run on.');
  fireEvent.click(within(dialog).getByRole('button', { name: 'Stop' }));
  await screen.findByText('checkout is a workload no more; its pod runs on with the CPU that it had');
  expect(writes.sent).toMatchObject([{ method: 'POST', path: `/v1/instances/${adopted.id}/stop` }]);
});
it('that has failed leads to the pod that takes its place', () => {
  open({ state: 'failed', fault: { at: '2026-11-30T12:00:00Z', detail: 'pod checkout-7f9c4d-x2x8z was deleted' } });
  expect(screen.getByRole('group', { name: 'What failed' }).textContent).toContain('If the pod has ended, an operator adopts the one that takes its place.');
});
