// The ticket for a job of a cluster: whole nodes at a click, all or none.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetDrafts } from '@/lib/edit';
import type { Instance, Pool } from '@/lib/api';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { watchWrites } from '@/mocks/writes';
import { Ticket } from './Ticket';

const pool = pools.find((p) => p.slug === 'hel1-gp') as Pool;
const cpu = (cpu_milli: number) => ({ cpu_milli });
const job: Instance = {
  ...structuredClone(instances[0] as Instance), id: 'ins_01KAB6Q0ZX3F4QSOLVER', name: 'solver', driver: 'slurm', pool: 'hel1-gp', baseline: cpu(16_000), floor: cpu(16_000), limit: cpu(64_000), in_force: cpu(16_000),
  adopted: { kind: 'slurm_job', cluster: 'linux', job: 4711, submitted_at: 1_790_000_000, name: 'solver', node_cpu_milli: 4000 },
};
const { sent, refuse } = watchWrites();
beforeEach(() => { asRole.role = 'bidder'; instances.push(job); });
afterEach(() => { cleanup(); forgetDrafts(); instances.splice(instances.indexOf(job), 1); });

const field = (label: string) => screen.getByLabelText(label) as HTMLInputElement;
async function open() {
  render(<QueryClientProvider client={new QueryClient()}><Ticket pool={pool} resource="cpu_milli" unitPrice={null} /></QueryClientProvider>);
  await screen.findByRole('option', { name: 'solver, hel1-gp' });
  fireEvent.change(field('Workload that grows'), { target: { value: job.id } });
  await screen.findByText('solver grows by whole nodes of 4 cores: it wins all of what it asks for, or none.');
}

it('proposes whole nodes and offers others at a click', async () => {
  await open();
  await waitFor(() => expect(field('CPU').value).toBe('24'));
  expect(screen.queryByRole('switch', { name: /whole amount|Do not move/ })).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: '2 nodes' }));
  expect([field('CPU').value, screen.getByRole('button', { name: '2 nodes' }).getAttribute('aria-pressed')]).toEqual(['8', 'true']);
  expect(screen.getByText(/^2 nodes, .* free at/)).toBeTruthy();
  fireEvent.keyDown(field('CPU'), { key: 'ArrowUp' });
  expect(field('CPU').value).toBe('12');
});
it('sends a bid that wins whole or not at all', async () => {
  await open();
  fireEvent.click(screen.getByRole('button', { name: '1 node' }));
  await waitFor(() => expect((screen.getByRole('button', { name: /^Place bid, hold/ }) as HTMLButtonElement).disabled).toBe(false));
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(sent[0]?.body).toMatchObject({ instance: job.id, resources: { cpu_milli: 4000 }, min_fill: '1', no_displacement: false }));
});
it('refuses a part of a node where it is typed', async () => {
  await open();
  fireEvent.change(field('CPU'), { target: { value: '6' } });
  expect(await screen.findByText('Whole nodes: a multiple of 4 cores')).toBeTruthy();
  expect((screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement).disabled).toBe(true);
});
it('says a refusal of the server in words of the page', async () => {
  await open();
  fireEvent.click(screen.getByRole('button', { name: '1 node' }));
  await waitFor(() => expect((screen.getByRole('button', { name: /^Place bid, hold/ }) as HTMLButtonElement).disabled).toBe(false));
  refuse({ status: 422, body: { title: 'No', status: 422, code: 'lot_not_whole', detail: 'This workload grows by whole nodes of 8000 cpu_milli. Ask for a multiple of 8000.' } });
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  expect((await screen.findByRole('alert')).textContent).toBe('A job has whole nodes only. Ask for a multiple of one node.');
});
it('is not offered where something is to be lent', async () => {
  await open();
  fireEvent.click(screen.getByRole('button', { name: '▼ Offer mine' }));
  await waitFor(() => expect(screen.queryByRole('option', { name: 'solver, hel1-gp' })).toBeNull());
  expect(screen.queryByText(/grows by whole nodes/)).toBeNull();
});
