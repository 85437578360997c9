import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
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
const instance = structuredClone(instances[0]) as Instance;
const writes = watchWrites();
beforeEach(() => { asRole.role = 'admin'; });
afterEach(() => { cleanup(); toasts.set([]); Object.assign(instances[0] as Instance, structuredClone(instance)); });
const open = () => render(<QueryClientProvider client={new QueryClient()}><Detail instance={instance} behind={null} /><Toaster /></QueryClientProvider>);
const field = (name: string) => screen.getByLabelText(name) as HTMLInputElement;
const set = () => screen.getByRole('button', { name: 'Set both' }) as HTMLButtonElement;
async function ask() {
  open();
  fireEvent.click(await screen.findByRole('button', { name: 'Set baseline and floor…' }));
}

it('begins with what is in force, and sends all resources of both', async () => {
  await ask();
  expect([['Baseline, CPU', 'Floor, CPU', 'Baseline, Memory', 'Floor, Memory'].map((n) => field(n).value), set().disabled]).toEqual([['16', '8', '64', '32'], true]);
  fireEvent.change(field('Baseline, CPU'), { target: { value: '18.5' } });
  expect(screen.getByText('Now 16 cores')).toBeTruthy();
  fireEvent.click(set());
  await screen.findByText(`Baseline and floor of ${instance.name} are set`);
  expect(writes.sent).toMatchObject([{ method: 'PUT', path: `/v1/instances/${instance.id}/baseline`, body: { baseline: { cpu_milli: 18_500, mem_mib: 65_536 }, floor: { cpu_milli: 8000, mem_mib: 32_768 } } }]);
  expect(screen.queryByRole('dialog')).toBeNull();
});
it('says at its field what the server refuses there, and else as a whole', async () => {
  await ask();
  fireEvent.change(field('Baseline, CPU'), { target: { value: '60' } });
  const send = async (pointer: string, detail: string) => {
    writes.refuse({ status: 409, body: { title: 'Conflict', status: 409, code: 'x', detail, errors: [{ pointer, code: 'x', detail }] } });
    fireEvent.click(set());
    await screen.findByText(detail);
  };
  await send('/baseline/cpu_milli', 'The quota is smaller.');
  expect([screen.queryByRole('alert'), field('Baseline, CPU').getAttribute('aria-invalid')]).toEqual([null, 'true']);
  fireEvent.change(field('Baseline, CPU'), { target: { value: '50' } });
  await waitFor(() => expect(screen.queryByText('The quota is smaller.')).toBeNull());
  await send('/pool', 'No node has room.');
  expect([screen.getByRole('alert').textContent, field('Baseline, CPU').value]).toEqual(['No node has room.', '50']);
});
it('what can’t be is said before it is sent', async () => {
  await ask();
  fireEvent.change(field('Floor, CPU'), { target: { value: '17' } });
  expect([screen.getByText('At most the baseline').textContent, set().disabled]).toEqual(['At most the baseline', true]);
  fireEvent.submit(screen.getByRole('form', { name: 'Baseline and floor' }));
  expect(writes.sent).toEqual([]);
});
it.each(['tenant', 'bidder', 'operator'])('%s is not offered it', async (role) => {
  asRole.role = role;
  open();
  await screen.findByText('Hints and profile');
  expect(screen.queryByRole('button', { name: 'Set baseline and floor…' })).toBeNull();
});
