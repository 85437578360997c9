// Nodes: all of them with their agents, cordon and drain with progress, how to add one, and the navigation by role.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { FullNode } from '@/lib/api';
import { fullNodes } from '@/mocks/members';
import { asRole } from '@/mocks/setup';
import { watchWrites } from '@/mocks/writes';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const had = structuredClone(fullNodes);
let unreadable = false;
const { sent, refuse } = watchWrites((path) => (unreadable && path.startsWith('/v1/nodes') ? Promise.resolve(new Response(JSON.stringify({ title: 'The nodes are not there', status: 404 }), { status: 404 })) : undefined));
afterEach(() => { cleanup(); forget(); queryClient.clear(); unreadable = false; fullNodes.splice(0, fullNodes.length, ...structuredClone(had)); });

const again = () => { cleanup(); forget(); queryClient.clear(); };
async function visit(path = '/nodes', role = 'operator') {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
}
const named = (name: string) => fullNodes.find((n) => n.name === name) as FullNode;
const table = () => screen.findByRole('table', { name: 'Nodes' });
const row = async (name: string) => within(await table()).getByRole('row', { name: new RegExp(`^${name}`) });
const names = async () => within(await table()).getAllByRole('row').slice(1).map((r) => within(r).getAllByRole('cell')[0]?.textContent);
const button = (name: string) => screen.findByRole('button', { name });

it('lists all nodes with state, load and agent', async () => {
  await visit();
  expect(await names()).toHaveLength(had.length);
  expect((await row('fra1-gp-14')).textContent).toMatch(/fra1-gpUp64 cores, 256 GiB1\.5 cores, 2 GiBweb-0none, this server does it/);
  expect((await row('host-1')).textContent).toContain('Runs copies of shop, web');
  expect((await row('worker-1')).textContent).toContain('Heard Kubernetes node');
  expect((await row('cluster-1')).textContent).toContain('Heard Slurm cluster, version 0.2.0, heard just now');
  expect(document.querySelector('.answer')?.textContent).toBe('8 of 10 nodes take awards; 1 is draining, 1 is cordoned. The agent of host-2 is silent.');
  expect(within(await row('fra1-gp-14')).getByRole('link', { name: 'web-0' }).getAttribute('href')).toContain('/workloads?workload=');
});
it('says that an agent is silent, unable or not heard', async () => {
  named('host-1').agent = undefined;
  await visit();
  expect((await row('host-1')).textContent).toContain('Not heard yetStart headroom work on its host.');
  expect((await row('host-2')).textContent).toContain('Silent for 95 seconds Linux host, version 0.2.0Its buyers are credited meanwhile.');
  expect((await row('host-3')).textContent).toContain('Limits nothing Linux host, version 0.2.0, heard just nowNo control group can be made');
  fireEvent.click(await button('Agent needs a hand'));
  await waitFor(async () => expect((await names()).map((n) => n?.slice(0, 6))).toEqual(['host-1', 'host-2', 'host-3']));
});
it('filters by text and by state', async () => {
  await visit('/nodes?find=fra1');
  expect(await names()).toEqual(['fra1-gp-14', 'fra1-gp-15', 'fra1-hp-03', 'fra1-hp-04']);
  fireEvent.click(await button('Take none'));
  await waitFor(async () => expect(await names()).toEqual(['fra1-gp-15', 'fra1-hp-04']));
  fireEvent.change(screen.getByLabelText('Filter'), { target: { value: 'nowhere' } });
  expect(await screen.findByText('No node fits. Type less, or choose All.')).toBeTruthy();
});
it('sorts by any column', async () => {
  await visit();
  fireEvent.click(within(await table()).getByRole('button', { name: /^State/ }));
  expect((await names())[0]).toBe('fra1-gp-15');
});

it('shows how far a drain is, the blocked first', async () => {
  await visit();
  const panel = within(await screen.findByRole('region', { name: 'Drain of fra1-hp-04' }));
  expect(panel.getByRole('status').textContent).toBe('3 workloads are still there: 1 blocked, 1 moving, 1 waiting.');
  const said = panel.getAllByRole('row').slice(1).map((r) => r.textContent);
  expect(said[0]).toBe('counter-03BlockedNo other node of the pool has room for its baseline. Add a node, or uncordon one.4 cores');
  expect(said[1]).toContain('variant-caller-07MovingA swap takes it away now. Open the swap');
  expect(said[2]).toMatch(/^rna-seq-02WaitingIt has won capacity on this node, .* Until \d+ \w+ \d\d:\d\d\./);
  expect(panel.getByRole('link', { name: 'Open the swap' }).getAttribute('href')).toMatch(/^\/swaps\/swp_/);
  expect(panel.getByRole('link', { name: 'counter-03' }).getAttribute('href')).toContain('/workloads?workload=');
});
it('says that a drained node is empty', async () => {
  named('fra1-hp-04').workloads = [];
  await visit();
  const panel = await screen.findByRole('region', { name: 'Drain of fra1-hp-04' });
  expect(panel.textContent).toContain('Nothing runs there any more: its host can be switched off.');
  expect([within(panel).queryByRole('table'), (await row('fra1-hp-04')).textContent?.includes('Drained')]).toEqual([null, true]);
});
it('drains after a question, and uncordon ends it', async () => {
  await visit();
  fireEvent.click(await button('Drain fra1-gp-14'));
  expect(screen.getByRole('dialog').textContent).toContain('1 workload there moves to another node of fra1-gp, after a shadow run.');
  fireEvent.click(await button('Drain it'));
  await screen.findByRole('region', { name: 'Drain of fra1-gp-14' });
  fireEvent.click(within(await row('fra1-gp-14')).getByRole('button', { name: 'Uncordon fra1-gp-14' }));
  expect(screen.getByRole('dialog').textContent).toContain('The drain ends: what still runs there stays.');
  fireEvent.click(await button('Uncordon it'));
  await button('Drain fra1-gp-14');
  expect(sent).toEqual(['drain', 'uncordon'].map((act) => ({ method: 'POST', path: `/v1/nodes/${named('fra1-gp-14').id}/${act}`, key: null, body: {} })));
});
it('warns that adopted workloads stay on a drained host', async () => {
  await visit();
  fireEvent.click(await button('Drain host-1'));
  expect(screen.getByRole('dialog').textContent).toContain('1 workload there was adopted, and stays until somebody stops it.');
});
it('says that a drain was refused, and leaves the state', async () => {
  await visit();
  fireEvent.click(await button('Drain fra1-gp-15'));
  refuse({ status: 409, body: { title: 'Conflict', status: 409, code: 'x', detail: 'Not now.' } });
  fireEvent.click(await button('Drain it'));
  await screen.findByText('Not now.');
  expect((await row('fra1-gp-15')).textContent).toContain('Cordoned');
});

it('says how to add a node with an agent', async () => {
  await visit();
  const panel = within(await screen.findByRole('region', { name: 'Add a node with an agent' }));
  const text = (label: string) => (panel.getByLabelText(label) as HTMLTextAreaElement).value;
  expect(text('On the host')).toMatch(/^HEADROOM_KEY=xk_… headroom work --server http:\/\/\S+ --node host-1$/);
  fireEvent.change(panel.getByLabelText('Name of the node'), { target: { value: 'rack-7' } });
  fireEvent.change(panel.getByLabelText('Pool'), { target: { value: 'hel1-gp' } });
  expect(text('On the host')).toMatch(/--node rack-7$/);
  expect(text('With an admin’s API key')).toContain('{"name":"rack-7","pool":"hel1-gp","capacity":{"cpu_milli":8000},"properties":{"agent":1}}');
  expect(panel.getByText('rack-7').closest('li')?.textContent).toContain('with the scopes market:read and nodes:work');
});
it('without a node says so, and how to add one', async () => {
  fullNodes.splice(0);
  await visit();
  expect(await screen.findByText('There is no node yet.')).toBeTruthy();
  expect(screen.getByRole('region', { name: 'Add a node with an agent' })).toBeTruthy();
});
it('says that nodes cannot be read, and reads them again', async () => {
  unreadable = true;
  await visit();
  expect((await screen.findByRole('alert')).textContent).toContain('The nodes are not there');
  unreadable = false;
  fireEvent.click(await button('Try again'));
  await table();
});

it('the page of a pool shows its drains and can begin one', async () => {
  await visit('/pools/fra1-hp', 'admin');
  await screen.findByRole('region', { name: 'Drain of fra1-hp-04' });
  expect(await names()).toEqual(['fra1-hp-03', 'fra1-hp-04']);
  await button('Drain fra1-hp-03');
  expect(screen.getByRole('link', { name: 'All nodes' }).getAttribute('href')).toBe('/nodes');
});
it('is for operators and admins, who find it in the navigation', async () => {
  for (const role of ['operator', 'admin']) {
    await visit('/', role);
    expect((await screen.findByRole('link', { name: 'Nodes' })).getAttribute('href'), role).toBe('/nodes');
    again();
  }
  for (const role of ['bidder', 'tenant', 'finance']) {
    await visit('/nodes', role);
    expect(screen.getByText('Your role does not include this page.')).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Nodes' }), role).toBeNull();
    again();
  }
});
