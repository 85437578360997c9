// An adopted process: what it is, and that stopping it lifts its limit and leaves the program running.
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
import { InstanceTable } from './InstanceTable';

vi.mock('@/components/charts/TimeChart', () => ({ TimeChart: () => null }));
vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a>, useNavigate: () => () => {}, useSearch: () => ({ r: 'mem_mib' }), useLocation: () => ({ pathname: '/' }), useRouterState: () => ({}) }));
const cpu = (cpu_milli: number) => ({ cpu_milli });
const adopted: Instance = {
  ...structuredClone(instances[0] as Instance), name: 'busy', driver: 'linux', module: 'mod_process', baseline: cpu(500), floor: cpu(250), limit: cpu(64_000), in_force: cpu(500),
  adopted: { kind: 'process', pid: 14_242, started_ticks: 7, boot: 'b', command: '/usr/bin/busy --all' },
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

it('says which process it is, that it stays, and no figure that is none', async () => {
  const { container } = open();
  expect([said('Driver'), said('Process')]).toEqual(['process', '14242']);
  expect(said('Command')).toBe('/usr/bin/busy --allIt stays on its host: its bids win only while its own node has room. Its memory is measured, not limited.');
  await screen.findByRole('region', { name: 'Service level as saved' });
  expect([container.textContent?.includes('NaN'), screen.queryByText('Giving memory back')]).toEqual([false, null]);
  expect(screen.queryByRole('button', { name: 'Memory' })).toBeNull();
});
it('in the table has no limit of memory', () => {
  const { container } = render(<QueryClientProvider client={new QueryClient()}><InstanceTable rows={[adopted]} pulses={{}} onSelect={() => {}} /></QueryClientProvider>);
  expect([container.textContent?.includes('NaN'), container.textContent?.includes('of 0.00'), screen.getByRole('cell', { name: 'process' }) !== null]).toEqual([false, false, true]);
});
it('asks before its limit is lifted, and says that the program runs on', async () => {
  open({ state: 'running', swap: null });
  fireEvent.click(await screen.findByRole('button', { name: 'Stop' }));
  const dialog = await screen.findByRole('dialog');
  expect(dialog.textContent).toContain('Stopping lifts its limit and leaves the program running.');
  expect(dialog.textContent).not.toContain('checkpoint');
  fireEvent.click(within(dialog).getByRole('button', { name: 'Stop' }));
  await screen.findByText('busy is a workload no more; its program runs on without a limit');
  expect(writes.sent).toMatchObject([{ method: 'POST', path: `/v1/instances/${adopted.id}/stop` }]);
});
it('is limited again, not restarted', async () => {
  open({ state: 'stopped' });
  expect(said('Limit now')).toBe('none: its program runs without one');
  expect(screen.queryByRole('button', { name: 'Restart' })).toBeNull();
  fireEvent.click(await screen.findByRole('button', { name: 'Limit again' }));
  await screen.findByText('busy is held to its baseline again');
});
it('that has failed says what helps a process', () => {
  open({ state: 'failed', fault: { at: '2026-11-20T10:00:00Z', detail: 'Process 14242 has ended.' } });
  expect(screen.getByRole('group', { name: 'What failed' }).textContent).toContain('If its program still runs, limit it again. If the program has ended, an operator adopts the one that takes its place.');
  expect([screen.queryByRole('button', { name: 'Register again' }), screen.getByRole('button', { name: 'Limit again' }) !== null]).toEqual([null, true]);
});
