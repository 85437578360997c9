// Hints and profile of a workload: what they say, who says so, until when; given and withdrawn by who owns it.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { toasts } from '@/components/ui/toast';
import type { HintBody, Instance } from '@/lib/api';
import { hints } from '@/mocks/guidance';
import { asRole } from '@/mocks/setup';
import { instances, nodes } from '@/mocks/swaps';
import { watchWrites } from '@/mocks/writes';
import { Guidance } from './Guidance';

const [instance, , without] = instances as [Instance, Instance, Instance];
const had = structuredClone(hints);
const writes = watchWrites();
beforeEach(() => { asRole.role = 'tenant'; });
afterEach(() => { cleanup(); toasts.set([]); hints.splice(0, hints.length, ...structuredClone(had)); });
const open = (of = instance) => render(<QueryClientProvider client={new QueryClient()}><Guidance instance={of} /><Toaster /></QueryClientProvider>);
const rows = async () => { await screen.findByRole('table', { name: 'Hints in force' }); return screen.getAllByRole('row').slice(1).map((r) => r.textContent ?? ''); };
const type = (name: string, value: string) => fireEvent.change(screen.getByLabelText(name), { target: { value } });

it('shows what is in force alone, with who says so, and the profile that it starts from', async () => {
  open();
  await screen.findByText(nodes[1].name);
  const [raises, avoids, ...more] = await rows();
  expect(raises).toMatch(/^It will need at least 24 cores \+ 64 GiBnow.*campaign calendar/);
  expect(avoids).toMatch(new RegExp(`^Its moves avoid ${nodes[1].name}.*nobody is named`));
  expect(more).toEqual([]);
  expect(screen.getByText('variant calling').parentElement?.textContent).toContain('typically 12 cores + 32 GiB, at its peak 40 cores + 64 GiB');
});
it('says so where there is none of either', async () => {
  open(without);
  expect(await screen.findByText('No hint is in force.')).toBeTruthy();
  expect(screen.getByText(/^No application profile names it/)).toBeTruthy();
});
it('is withdrawn after it was asked', async () => {
  open();
  await rows();
  fireEvent.click(screen.getAllByRole('button', { name: 'Withdraw…' })[0] as HTMLElement);
  expect([screen.getByRole('dialog').textContent?.includes('Withdraw the hint of at least 24 cores'), writes.sent]).toEqual([true, []]);
  fireEvent.click(screen.getByRole('button', { name: 'Withdraw it' }));
  await screen.findByText('The hint is withdrawn');
  expect(writes.sent).toMatchObject([{ method: 'DELETE', path: `/v1/allocation_hints/${hints[0]?.id}` }]);
  await waitFor(async () => expect(await rows()).toHaveLength(1));
});
it('is given with what was typed', async () => {
  open(without);
  fireEvent.click(await screen.findByRole('button', { name: 'Give a hint…' }));
  const button = () => screen.getByRole('button', { name: 'Give the hint' }) as HTMLButtonElement;
  expect([button().disabled, screen.queryByText(/^Still needed/) !== null]).toEqual([true, true]);
  type('It will need at least, CPU', '6');
  fireEvent.click(await screen.findByLabelText(nodes[0].name));
  type('Who says so', 'launch plan');
  fireEvent.click(button());
  expect((await rows())[0]).toMatch(/It will need at least 6 cores; its moves avoid fra1-gp-14.*launch plan/);
  expect(writes.sent[0]?.body as HintBody).toMatchObject({ instance: without.id, expected_demand: { cpu_milli: 6000 }, avoid_nodes: [nodes[0].id], source: 'launch plan' });
});
it('a refusal stands at its field, or as a whole, and keeps what was typed', async () => {
  open(without);
  fireEvent.click(await screen.findByRole('button', { name: 'Give a hint…' }));
  type('It will need at least, CPU', '6');
  const send = async (pointer: string, detail: string) => {
    writes.refuse({ status: 422, body: { title: 'Unprocessable', status: 422, code: 'x', detail, errors: [{ pointer, code: 'x', detail }] } });
    fireEvent.click(screen.getByRole('button', { name: 'Give the hint' }));
    await screen.findByText(detail);
  };
  await send('/expected_demand/cpu_milli', 'It can use less.');
  expect([screen.queryByRole('alert'), screen.getByLabelText('It will need at least, CPU').getAttribute('aria-invalid')]).toEqual([null, 'true']);
  await send('', 'You have too many.');
  expect([screen.getByRole('alert').textContent, (screen.getByLabelText('It will need at least, CPU') as HTMLInputElement).value]).toEqual(['You have too many.', '6']);
});
it.each(['bidder', 'operator', 'admin'])('%s reads them, and neither gives nor withdraws one', async (role) => {
  asRole.role = role;
  open();
  const [raises] = await rows();
  if (role !== 'bidder') await waitFor(async () => expect((await rows())[0]).toContain('campaign calendar for Genomics Core'));
  expect([raises?.includes('24 cores'), screen.queryByRole('button', { name: /Withdraw|Give/ })]).toEqual([true, null]);
});
