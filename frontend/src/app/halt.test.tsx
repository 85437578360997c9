// On a pool's page: an admin halts and resumes after a question; operators cordon nodes; nobody else is offered any of it.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { act, cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Pool } from '@/lib/api';
import { fullNodes } from '@/mocks/members';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const mock = globalThis.fetch;
const had = { pools: structuredClone(pools), nodes: structuredClone(fullNodes) };
const sent: unknown[] = [];
let status = 200;
let noNodes = false;
beforeEach(() => {
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    if (noNodes && String(input).startsWith('/v1/nodes')) return new Response(JSON.stringify({ title: 'The nodes are not there' }), { status: 404 });
    if (!init?.method || init.method === 'GET') return mock(input, init);
    sent.push([init.method, String(input), JSON.parse(String(init.body))]);
    return status === 200 ? mock(input, init) : new Response(JSON.stringify({ title: 'Unprocessable', detail: 'Give a reason of 1 to 200 printable characters.' }), { status });
  }) as typeof fetch;
});
afterEach(() => {
  cleanup(); forget(); queryClient.clear(); globalThis.fetch = mock; sent.length = 0; status = 200; noNodes = false;
  pools.splice(0, pools.length, ...structuredClone(had.pools)); fullNodes.splice(0, fullNodes.length, ...structuredClone(had.nodes));
});

async function visit(slug: string, role = 'admin') {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [`/pools/${slug}`] }))} /></QueryClientProvider>);
  await waitFor(() => expect(document.querySelector('.strip')).toBeTruthy());
}
const button = (name: string) => screen.findByRole('button', { name }) as Promise<HTMLButtonElement>;

it('halts with a reason, which members read, and resumes', async () => {
  await visit('fra1-gp');
  fireEvent.click(await button('Halt…'));
  expect(screen.getByRole('dialog').textContent).toContain('Open orders stay');
  expect((await button('Halt the pool')).disabled).toBe(true);
  fireEvent.change(screen.getByLabelText(/^Reason/), { target: { value: 'a fan is loud' } });
  status = 422;
  fireEvent.click(await button('Halt the pool'));
  expect(await screen.findByText('Give a reason of 1 to 200 printable characters.')).toBeTruthy();
  // What was typed is still there.
  expect((screen.getByLabelText(/^Reason/) as HTMLInputElement).value).toBe('a fan is loud');
  status = 200;
  fireEvent.click(await button('Halt the pool'));
  await waitFor(() => expect(document.querySelector('.answer')?.textContent).toContain('a fan is loud'));
  fireEvent.click(await button('Resume…'));
  expect(screen.getByRole('dialog').textContent).toContain('a fan is loud');
  fireEvent.click(await button('Resume the pool'));
  await button('Halt…');
  expect(sent).toEqual([...Array.from({ length: 2 }, () => ['POST', '/v1/pools/fra1-gp/halt', { reason: 'a fan is loud' }]), ['POST', '/v1/pools/fra1-gp/resume', {}]]);
});

it('what is recallable names its pool with it, and resumes where its pool was halted', async () => {
  const whole = pools.find((p) => p.slug === 'fra1-gp') as Pool;
  const part: Pool = { ...whole, slug: 'fra1-gp~recallable', recallable_of: 'fra1-gp' };
  pools.push(part);
  await visit('fra1-gp');
  fireEvent.click(await button('Halt…'));
  expect(screen.getByRole('dialog').textContent).toContain('fra1-gp~recallable is halted with it');
  cleanup(); forget(); queryClient.clear();
  whole.halted = part.halted = { by: 'x', at: whole.next_slot, reason: 'a fan' };
  await visit('fra1-gp~recallable');
  expect((await screen.findByRole('link', { name: 'Halted with fra1-gp' })).getAttribute('href')).toBe('/pools/fra1-gp');
  cleanup(); forget(); queryClient.clear();
  whole.halted = null;
  await visit('fra1-gp~recallable');
  await button('Resume…');
});

it('operators cordon nodes, admins add them, and members are offered nothing', async () => {
  await visit('fra1-gp', 'operator');
  const cordon = await button('Cordon fra1-gp-14');
  const row = within(screen.getByRole('table', { name: 'Nodes' })).getByRole('row', { name: /fra1-gp-14/ });
  expect(row.textContent).toMatch(/1\.5 cores, 2 GiB.*web-0/);
  fireEvent.click(cordon);
  fireEvent.click(await button('Cordon it'));
  await button('Uncordon fra1-gp-14');
  expect(sent).toEqual([['POST', `/v1/nodes/${fullNodes[0]?.id}/cordon`, {}]]);
  for (const name of ['New node', 'Halt…']) expect(screen.queryByRole('button', { name })).toBeNull();
  cleanup(); forget(); queryClient.clear();
  await visit('fra1-gp', 'tenant');
  for (const name of ['Halt…', 'New node']) expect(screen.queryByRole('button', { name })).toBeNull();
  expect(screen.queryByRole('table', { name: 'Nodes' })).toBeNull();
  cleanup(); forget(); queryClient.clear();
  await visit('fra1-gp', 'admin');
  fireEvent.click(await button('New node'));
  const add = await button('Add the node');
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'fra1-gp-15' } });
  fireEvent.change(screen.getByLabelText('CPU'), { target: { value: '8' } });
  expect(screen.getByText(/There is a node of this name already/)).toBeTruthy();
  expect(add.disabled).toBe(true);
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'fra1-gp-16' } });
  fireEvent.click(add);
  await button('Cordon fra1-gp-16');
  expect(sent.at(-1)).toEqual(['POST', '/v1/nodes', { name: 'fra1-gp-16', pool: 'fra1-gp', capacity: { cpu_milli: 8000 } }]);
});

it('a first node may have an agent, later ones are as the pool’s nodes', async () => {
  await visit('fra1-gp', 'admin');
  fireEvent.click(await button('New node'));
  expect((screen.getByRole('switch', { name: /^An agent serves it/ }) as HTMLButtonElement).disabled).toBe(true);
  cleanup(); forget(); queryClient.clear();
  for (const node of fullNodes.splice(0)) if (node.pool !== 'fra1-gp') fullNodes.push(node);
  await visit('fra1-gp', 'admin');
  fireEvent.click(await button('New node'));
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'first-host' } });
  fireEvent.change(screen.getByLabelText('CPU'), { target: { value: '8' } });
  fireEvent.click(screen.getByRole('switch', { name: /^An agent serves it/ }));
  fireEvent.click(await button('Add the node'));
  await waitFor(() => expect(sent.at(-1)).toEqual(['POST', '/v1/nodes', { name: 'first-host', pool: 'fra1-gp', capacity: { cpu_milli: 8000 }, properties: { agent: 1 } }]));
});

it('does not undo what a colleague has done while the question was open', async () => {
  const pool = pools.find((p) => p.slug === 'fra1-gp') as Pool;
  await visit('fra1-gp');
  fireEvent.click(await button('Halt…'));
  fireEvent.change(screen.getByLabelText(/^Reason/), { target: { value: 'a fan is loud' } });
  pool.halted = { by: 'x', at: pool.next_slot, reason: 'smoke in hall 1' };
  await act(() => queryClient.invalidateQueries());
  await waitFor(() => expect(screen.getByRole('dialog').textContent).toContain('fra1-gp is halted already'));
  expect(screen.getByRole('dialog').textContent).toContain('smoke in hall 1');
  for (const name of ['Resume the pool', 'Halt the pool']) expect(screen.queryByRole('button', { name })).toBeNull();
  fireEvent.click(await button('Understood'));
  fireEvent.click(await button('Resume…'));
  pool.halted = null;
  await act(() => queryClient.invalidateQueries());
  await waitFor(() => expect(screen.getByRole('dialog').textContent).toContain('fra1-gp trades again already'));
  fireEvent.click(await button('Understood'));
  await button('Halt…');
  expect(sent).toEqual([]);
});

it('says that the nodes can’t be read, and reads them again', async () => {
  noNodes = true;
  await visit('fra1-gp', 'operator');
  const panel = within(await screen.findByRole('region', { name: 'Nodes' }));
  expect((await panel.findByRole('alert')).textContent).toContain('The nodes are not there');
  noNodes = false;
  fireEvent.click(panel.getByRole('button', { name: 'Try again' }));
  await button('Cordon fra1-gp-14');
  expect(panel.queryByRole('alert')).toBeNull();
});

it('opens recallable trade only after a question that says that it can’t be closed again', async () => {
  const fetched = globalThis.fetch;
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    if (!String(input).endsWith('/recallable')) return fetched(input, init);
    sent.push([init?.method, String(input), JSON.parse(String(init?.body))]);
    return new Response(JSON.stringify({ ...pools[0], slug: 'fra1-gp~recallable', recallable_of: 'fra1-gp' }), { status: 201 });
  }) as typeof fetch;
  await visit('fra1-gp');
  fireEvent.click(await button('Open recallable trade…'));
  expect(screen.getByRole('dialog').textContent).toMatch(/Open recallable trade in fra1-gp\?.*It can’t be closed again, only halted/);
  fireEvent.click(await button('Leave it closed'));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent).toEqual([]);
  fireEvent.click(await button('Open recallable trade…'));
  fireEvent.click(await button('Open it for good'));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent).toEqual([['POST', '/v1/pools/fra1-gp/recallable', {}]]);
});
