// A workload that a swap is changing stops when that has ended, which is said, and can be taken back until then.
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

vi.mock('@/components/charts/TimeChart', () => ({ TimeChart: () => null }));
vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a>, useNavigate: () => () => {}, useSearch: () => ({}), useLocation: () => ({ pathname: '/' }), useRouterState: () => ({}) }));
const before = structuredClone(instances[0]) as Instance;
const writes = watchWrites();
beforeEach(() => { asRole.role = 'tenant'; });
afterEach(() => { cleanup(); toasts.set([]); Object.assign(instances[0] as Instance, { stop_requested: undefined }, structuredClone(before)); });
const open = (change: Partial<Instance>) => {
  Object.assign(instances[0] as Instance, change);
  render(<QueryClientProvider client={new QueryClient()}><Detail instance={structuredClone(instances[0]) as Instance} behind={null} /><Toaster /></QueryClientProvider>);
};

it('says that it stops later', async () => {
  open({ state: 'running', swap: 'swp_01kab6q0zx3f4qw88hv2under1' });
  fireEvent.click(await screen.findByRole('button', { name: 'Stop' }));
  fireEvent.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Stop' }));
  await screen.findByText(`${before.name} stops when the swap that is changing it has ended`);
});
it('shows that it will, and lets it go on', async () => {
  open({ state: 'running', swap: 'swp_01kab6q0zx3f4qw88hv2under1', stop_requested: true });
  expect(screen.getByText('stops when its swap has ended')).toBeTruthy();
  expect(screen.queryByRole('button', { name: 'Stop' })).toBeNull();
  fireEvent.click(await screen.findByRole('button', { name: 'Do not stop' }));
  await screen.findByText(`${before.name} goes on`);
  expect(writes.sent).toMatchObject([{ method: 'POST', path: `/v1/instances/${before.id}/restart` }]);
});
