// An adopted job of a cluster: what it is, whole nodes, and that stopping it gives bought nodes back.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { toasts } from '@/components/ui/toast';
import type { Instance } from '@/lib/api';
import { fullNodes } from '@/mocks/members';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { watchWrites } from '@/mocks/writes';
import { Detail } from './Detail';
import { InstanceTable } from './InstanceTable';

vi.mock('@/components/charts/TimeChart', () => ({ TimeChart: () => null }));
vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a>, useNavigate: () => () => {}, useSearch: () => ({ r: 'mem_mib' }), useLocation: () => ({ pathname: '/' }), useRouterState: () => ({}) }));
const cpu = (cpu_milli: number) => ({ cpu_milli });
const adopted: Instance = {
  ...structuredClone(instances[0] as Instance), name: 'solver', driver: 'slurm', module: 'mod_job', baseline: cpu(16_000), floor: cpu(8000), limit: cpu(64_000), in_force: cpu(20_000),
  adopted: { kind: 'slurm_job', cluster: 'linux', job: 4711, submitted_at: 1_790_000_000, name: 'align-genomes', node_cpu_milli: 4000 },
};
const before = structuredClone(instances[0]) as Instance;
const nodes = structuredClone(fullNodes);
const writes = watchWrites();
beforeEach(() => { asRole.role = 'tenant'; });
afterEach(() => { cleanup(); toasts.set([]); Object.assign(instances[0] as Instance, { adopted: undefined }, structuredClone(before)); fullNodes.splice(0, fullNodes.length, ...structuredClone(nodes)); });
const open = (change: Partial<Instance> = {}) => {
  Object.assign(instances[0] as Instance, adopted, change);
  return render(<QueryClientProvider client={new QueryClient()}><Detail instance={structuredClone(instances[0]) as Instance} behind={null} onRegister={() => {}} /><Toaster /></QueryClientProvider>);
};
const said = (term: string) => screen.getByText(term, { selector: 'dt' }).nextElementSibling?.textContent;

it('says which job it is, and its amounts in nodes', async () => {
  const { container } = open();
  expect(['Driver', 'Job', 'Cluster'].map(said)).toEqual(['Slurm job', '4711, align-genomes', 'linux']);
  expect(said('One of its nodes')).toBe('4 coresIt stays on its cluster, and grows and shrinks by whole nodes. It lends nothing.');
  expect(['Floor', 'Baseline', 'Limit now', 'Never more than'].map(said)).toEqual(['8 cores: 2 nodes', '16 cores: 4 nodes', '20 cores: 5 nodes', '64 cores: 16 nodes']);
  await screen.findByRole('region', { name: 'Service level as saved' });
  expect([container.textContent?.includes('NaN'), screen.queryByText('Giving memory back')]).toEqual([false, null]);
});
it('has a strategy that bids and does not lend', async () => {
  open();
  await screen.findByRole('switch', { name: 'Bid when the forecast asks for more' });
  expect(screen.queryByRole('switch', { name: /^Lend/ })).toBeNull();
});
it('in the table is called a Slurm job', () => {
  const { container } = render(<QueryClientProvider client={new QueryClient()}><InstanceTable rows={[adopted]} pulses={{}} onSelect={() => {}} /></QueryClientProvider>);
  expect([container.textContent?.includes('NaN'), screen.getByRole('cell', { name: 'Slurm job' }) !== null]).toEqual([false, true]);
});
it('stopped gives bought nodes back and lets the job run on', async () => {
  open({ state: 'running', swap: null });
  fireEvent.click(await screen.findByRole('button', { name: 'Stop' }));
  const dialog = await screen.findByRole('dialog');
  expect(dialog.textContent).toContain('Stopping gives the nodes that were bought back to the cluster and lets the job run on.');
  expect(dialog.textContent).not.toContain('checkpoint');
  fireEvent.click(within(dialog).getByRole('button', { name: 'Stop' }));
  await screen.findByText('solver is a workload no more; its job runs on, and bought nodes go back to the cluster');
  expect(writes.sent).toMatchObject([{ method: 'POST', path: `/v1/instances/${adopted.id}/stop` }]);
});
it('is adopted again, not restarted', async () => {
  open({ state: 'stopped' });
  expect(said('Limit now')).toBe('none: its job runs without one');
  expect(screen.queryByRole('button', { name: 'Restart' })).toBeNull();
  fireEvent.click(await screen.findByRole('button', { name: 'Adopt again' }));
  await screen.findByText('solver is a workload again, with the nodes of its baseline');
});
it('that has failed says what helps a job', () => {
  open({ state: 'failed', fault: { at: '2026-11-20T10:00:00Z', detail: 'Job 4711 has ended.' } });
  expect(screen.getByRole('group', { name: 'What failed' }).textContent).toContain('If its job still runs, adopt it again. If the job has ended, an operator adopts another one.');
  expect([screen.queryByRole('button', { name: 'Register again' }), screen.getByRole('button', { name: 'Adopt again' }) !== null]).toEqual([null, true]);
});
it('stays on a draining node, and says what that means', async () => {
  Object.assign(fullNodes.find((n) => n.id === adopted.node) ?? {}, { state: 'draining' });
  open();
  await screen.findByText('It is draining: it takes nothing new, and this workload stays there. Its bids win nothing meanwhile.');
  cleanup();
  open({ adopted: null });
  await screen.findByText(/^It is draining: it takes nothing new\. This workload moves to another node of the pool\./);
});
it('changes its baseline by whole nodes', async () => {
  asRole.role = 'admin';
  open();
  fireEvent.click(await screen.findByRole('button', { name: 'Set baseline and floor…' }));
  const field = screen.getByLabelText('Baseline, CPU') as HTMLInputElement;
  fireEvent.keyDown(field, { key: 'ArrowUp' });
  expect([field.value, screen.getByText('Now 16 cores: 4 nodes') !== null]).toEqual(['20', true]);
  fireEvent.change(field, { target: { value: '18' } });
  expect(screen.getByText('Whole nodes: a multiple of 4 cores')).toBeTruthy();
});
