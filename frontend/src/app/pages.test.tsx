// Every page of the table renders with the mock's data, has one h1, and says so when it may not.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { asRole } from '@/mocks/setup';
import { roundNow } from '@/mocks/clock';
import { pools } from '@/mocks/pools';
import { swaps } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';
import { ROUTES } from './routes';

// jsdom has no canvas; what a chart draws is looked at in the browser walk.
vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
afterEach(() => { cleanup(); forget(); queryClient.clear(); });

const address = (path: string) => path.replace('$slug', 'fra1-gp').replace('$number', String(roundNow())).replace('$id', swaps[1]?.id ?? '');

async function visit(path: string, role: string) {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [address(path)] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
}

for (const route of ROUTES) {
  const role = /pricing:write|admin:write/.test(route.scope ?? '') ? 'admin' : 'bidder';
  it(`${route.path} as ${role}`, async () => {
    await visit(route.path, role);
    await waitFor(() => expect(document.querySelector('[role=status][aria-label=Loading]')).toBeNull());
    expect(document.querySelector('[role=alert]')).toBeNull();
    expect(document.title).toContain('Headroom');
  });
}

it('a refused shadow run says what differed', async () => {
  await visit('/swaps/$id', 'operator');
  await waitFor(() => expect(screen.getByText('Refused by the shadow run')).toBeTruthy());
  expect(screen.getByText('88127442')).toBeTruthy();
});

it('a page of another role says so', async () => {
  await visit('/admin/pricing', 'bidder');
  expect(screen.getByText('Your role does not include this page.')).toBeTruthy();
  expect(screen.getByText(/^Roles that see it: admin of the operator\. Whoever operates this exchange gives roles/)).toBeTruthy();
});

it('finance begins with all participants for platform roles, with one’s own statement for the others', async () => {
  await visit('/finance', 'admin');
  // Once for what it has, once for what it moved.
  await waitFor(() => expect(screen.getAllByRole('button', { name: 'Genomics Core' })).toHaveLength(2));
  expect(screen.getByText('All transfers of this period, CSV').getAttribute('href')).toContain('/v1/finance/ledger.csv');
  cleanup();
  forget();
  queryClient.clear();
  await visit('/finance', 'bidder');
  await waitFor(() => expect(screen.getByText('Statement, CSV')).toBeTruthy());
  expect(screen.queryByText('All participants')).toBeNull();
  // What was there of it, and why where it was less.
  const deliveries = await screen.findByRole('table', { name: 'Deliveries' });
  expect(deliveries.textContent).toContain('12 cores');
  expect(deliveries.textContent).toContain('the workload’s own program kept it');
  expect(screen.getByText('2 of 4 fell short')).toBeTruthy();
});

it('a round that was not proved best says so, and never that nothing better exists', async () => {
  const unproved = Array.from({ length: 7 }, (_, i) => roundNow() - i).find((n) => n % 7 === 3) as number;
  await visit(`/rounds/${unproved}`, 'bidder');
  await waitFor(() => expect(screen.getByText(/not proved to be the best/)).toBeTruthy());
  expect(document.body.textContent).not.toMatch(/no better outcome|best possible/i);
});

it('a proof is never called “not proven”, and who got nothing is not told that it was shared out', async () => {
  const proved = Array.from({ length: 7 }, (_, i) => roundNow() - i).find((n) => n % 7 !== 3) as number;
  await visit(`/rounds/${proved}`, 'operator');
  await waitFor(() => expect(screen.getByText('Nothing to be had at their limit')).toBeTruthy());
  expect(screen.getByText('Proved')).toBeTruthy();
  expect(document.body.textContent).not.toMatch(/not proven|shared out/);
});

it('nodes are called by their names, with the id one hover away', async () => {
  await visit('/swaps', 'bidder');
  await waitFor(() => expect(screen.getAllByText('fra1-hp-03').length).toBeGreaterThan(0));
  expect(screen.getAllByText('fra1-hp-03')[0]?.title).toBe('nod_01KAB6Q0ZX3F4QBVCS4NP2');
  cleanup();
  forget();
  queryClient.clear();
  await visit('/workloads', 'tenant');
  await waitFor(() => expect(screen.getAllByText('fra1-gp-14').length).toBeGreaterThan(0));
  expect(document.querySelector('main')?.textContent).not.toMatch(/CTM9|S4NP2/);
});

it('a round that has not taken place is no fault and leads to the newest', async () => {
  await visit('/rounds/99999999', 'bidder');
  await waitFor(() => expect(screen.getByText('Round 99,999,999 has not taken place yet.')).toBeTruthy());
  await waitFor(() => expect(screen.getByRole('link', { name: /Newest round/ })).toBeTruthy());
  expect(document.body.textContent).not.toContain('other participants');
});

it('a failed workload is named with its fault and what helps', async () => {
  await visit('/workloads', 'tenant');
  await waitFor(() => expect(screen.getByText(/out of bounds memory access/)).toBeTruthy());
  expect(screen.getByRole('button', { name: 'Register again' })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Restart' }));
  await waitFor(() => expect(screen.queryByText(/out of bounds memory access/)).toBeNull());
});

it('what is free on its node is taken at once by whoever may trade, and by nobody else', async () => {
  await visit('/workloads', 'tenant');
  fireEvent.click(await screen.findByRole('button', { name: 'variant-caller-07' }));
  const panel = await screen.findByRole('region', { name: 'Take more now' });
  await waitFor(() => expect(panel.textContent).toContain('0.3 cores until'));
  fireEvent.click(screen.getByRole('button', { name: 'All that is free' }));
  fireEvent.click(screen.getByRole('button', { name: 'Take it' }));
  await waitFor(() => expect(screen.getByText(/variant-caller-07 has taken 0.3 cores until/)).toBeTruthy());
  await waitFor(() => expect(screen.getByText('Nothing can be had now.')).toBeTruthy());
  expect(screen.getByRole('link', { name: 'Bid for the slots that come' }).getAttribute('href')).toBe('/pools/fra1-gp');
  cleanup();
  forget();
  queryClient.clear();
  await visit('/workloads', 'operator');
  await screen.findByRole('region', { name: 'The coming slots' });
  expect(screen.queryByRole('region', { name: 'Take more now' })).toBeNull();
});

it('a strategy says how well covered what is typed leaves it', async () => {
  await visit('/workloads', 'tenant');
  fireEvent.click(await screen.findByRole('button', { name: 'variant-caller-07' }));
  // 1.5 a core short, at a price of 1.248.
  expect((await screen.findByRole('region', { name: 'Service level as saved' })).textContent).toContain('CPU coveredup to 16.8\u2009%');
  fireEvent.change(screen.getByLabelText(/A slot short costs, CPU/), { target: { value: '1.2' } });
  expect(await screen.findByText(/CPU: at 1.2480 cr a core.*nothing is bid that high/)).toBeTruthy();
});

it('a strategy warns in words while its costs do not carry the promised service level, and fills in those that do', async () => {
  await visit('/workloads', 'tenant');
  fireEvent.click(await screen.findByRole('button', { name: 'variant-caller-07' }));
  const saved = await screen.findByRole('region', { name: 'Service level as saved' });
  expect(saved.textContent).toContain('CPU coveredup to 16.8\u2009%');
  expect(saved.textContent).toContain('Promisednothing');
  expect(screen.queryByRole('status', { name: 'Service level warning' })).toBeNull();
  fireEvent.change(screen.getByLabelText('Promised service level'), { target: { value: '95' } });
  fireEvent.click(screen.getByRole('button', { name: 'Save strategy' }));
  const warning = await screen.findByRole('status', { name: 'Service level warning' });
  expect(warning.textContent).toContain('Under the promised service level.');
  expect(warning.textContent).toContain('24.96 cr a core');
  fireEvent.click(screen.getByRole('button', { name: 'Fill in these costs' }));
  expect((screen.getByLabelText(/A slot short costs, CPU/) as HTMLInputElement).value).toBe('24.96');
  fireEvent.click(screen.getByRole('button', { name: 'Save strategy' }));
  await waitFor(() => expect(screen.queryByRole('status', { name: 'Service level warning' })).toBeNull());
  await waitFor(() => expect(screen.getByRole('region', { name: 'Service level as saved' }).textContent).toContain('None of them short95\u2009%'));
});

it('the ticket has no switch that the server would refuse, and an offer is told what it receives', async () => {
  await visit('/pools/$slug', 'bidder');
  await waitFor(() => expect(screen.getByRole('switch', { name: 'The whole amount or none of it' })).toBeTruthy());
  expect(screen.queryByText('Firm only')).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: '▼ Offer mine' }));
  await waitFor(() => expect(screen.getByText(/You receive the clearing price/)).toBeTruthy());
  expect(screen.queryByText(/You pay the clearing price/)).toBeNull();
});

it('the page of a pool leads to its ticket, for those who have one', async () => {
  await visit('/pools/$slug', 'bidder');
  const way = await screen.findByRole('link', { name: 'Bid or offer' });
  expect(document.getElementById(way.getAttribute('href')?.slice(1) ?? '')).toBe(screen.getByRole('form', { name: 'Order ticket' }));
  cleanup();
  forget();
  queryClient.clear();
  await visit('/pools/$slug', 'admin');
  await screen.findByRole('heading', { name: 'Rounds' });
  expect(screen.queryByRole('link', { name: 'Bid or offer' })).toBeNull();
});

it('what sets a price is what the clearing says, not a comparison with the reserve', async () => {
  const product = pools.find((p) => p.slug === 'hel1-gp')?.resources[0];
  if (!product?.price) throw new Error('no fixture');
  const old = product.price;
  // Under the first step, and yet a bid set it.
  product.price = { ...old, price: '0.000100000', set_by: 'bid:bid_01KAB6Q0ZX3F7K2B3R' };
  await visit('/admin/pricing', 'admin');
  await waitFor(() => expect(screen.getByRole('table', { name: 'Reserve prices' })).toBeTruthy());
  const row = screen.getByRole('table', { name: 'Reserve prices' }).querySelectorAll('tbody tr')[0];
  expect(row?.textContent).toContain('hel1-gp');
  expect(row?.textContent).toContain('a bid');
  expect(screen.getAllByText('the reserve price, step 1').length).toBeGreaterThan(0);
  product.price = old;
});

it('a reserve price can be tried before it is proposed, and others decide on it', async () => {
  await visit('/admin/pricing', 'admin');
  await waitFor(() => expect(screen.getByRole('button', { name: 'Simulate' })).toBeTruthy());
  fireEvent.click(screen.getByRole('button', { name: 'Simulate' }));
  await waitFor(() => expect(screen.getByText(/the operator would have sold/).textContent).toContain('less'));
  expect(screen.getByRole('table', { name: 'Who would have got less' }).textContent).toContain('Genomics Core');
  expect(screen.getByText(/Left out: round/)).toBeTruthy();
  // Somebody else's proposal: the mock's admin may approve it, and has to say why not.
  expect(screen.getAllByText(/Proposed by Hanna Brandt/).length).toBeGreaterThan(0);
  fireEvent.click(screen.getByRole('button', { name: /^Reject hel1-gp, CPU, from/ }));
  expect((screen.getByRole('button', { name: 'Reject it' }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(screen.getByLabelText(/Reason/), { target: { value: 'too dear' } });
  fireEvent.click(screen.getByRole('button', { name: 'Reject it' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(screen.getByRole('button', { name: 'Propose the schedule…' })).toBeTruthy();
}, 20_000);

it('the price of a shortage is typed per core, looked at again and set, where one person may', async () => {
  await visit('/admin/pricing?pool=fra1-gp', 'admin');
  expect(await screen.findByText(/In force: CPU 3.6 cr a missing core.*need two people/)).toBeTruthy();
  expect(screen.queryByLabelText(/A missing core/)).toBeNull();
  cleanup();
  forget();
  queryClient.clear();
  const pool = pools.find((p) => p.slug === 'fra1-gp');
  if (!pool) throw new Error('no fixture');
  pool.two_person_approval = false;
  await visit('/admin/pricing?pool=fra1-gp', 'admin');
  const field = await screen.findByLabelText(/A missing core/);
  const set = () => screen.getByRole('button', { name: 'Set the price of a shortage…' }) as HTMLButtonElement;
  expect((field as HTMLInputElement).value).toBe('3.6');
  expect(set().disabled).toBe(true);
  fireEvent.change(field, { target: { value: '0' } });
  expect(screen.getByText('More than 0, or nothing')).toBeTruthy();
  expect(set().disabled).toBe(true);
  fireEvent.change(field, { target: { value: '4.2' } });
  fireEvent.click(set());
  expect(screen.getByRole('dialog').textContent).toContain('4.2 cr a missing core');
  fireEvent.click(screen.getByRole('button', { name: 'Set it' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  pool.two_person_approval = true;
});

it('a reserve price from a time that is past is refused where it is typed', async () => {
  await visit('/admin/pricing', 'admin');
  const step = await screen.findByLabelText('Price of step 1');
  fireEvent.change(step, { target: { value: '0.1' } });
  const send = () => screen.getByRole('button', { name: 'Propose the schedule…' }) as HTMLButtonElement;
  expect(send().disabled).toBe(false);
  fireEvent.change(screen.getByLabelText('In force from, UTC'), { target: { value: '2020-01-01T00:00' } });
  expect(screen.getByText('This is past: choose a time to come')).toBeTruthy();
  expect([send().disabled, screen.getByLabelText('In force from, UTC').getAttribute('aria-invalid')]).toEqual([true, 'true']);
});

it('the settings of a pool stand side by side under its prices, not in one narrow column', async () => {
  await visit('/admin/pricing', 'admin');
  const panels = ['Price of a shortage, hel1-gp', 'Moves at once, hel1-gp', 'Approval of moves, hel1-gp'].map((name) => screen.findByRole('region', { name }));
  for (const panel of await Promise.all(panels)) expect([panel.parentElement?.className, panel.closest('.split')]).toEqual(['beside', null]);
});

it('a project shows what is left, takes another limit, and is not deleted under its bids', async () => {
  await visit('/projects', 'bidder');
  await waitFor(() => expect(screen.getByRole('button', { name: 'variant-calling' })).toBeTruthy());
  expect(document.querySelector('.answer')?.textContent).toContain('3,227.35 cr left');
  fireEvent.click(screen.getByRole('button', { name: 'variant-calling' }));
  await waitFor(() => expect(screen.getByRole('form', { name: 'Project' })).toBeTruthy());
  expect((screen.getByRole('button', { name: 'Delete…' }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(screen.getByLabelText('Limit'), { target: { value: '1000' } });
  expect(screen.getByText('More than that is spent or held for its bids')).toBeTruthy();
  expect((screen.getByRole('button', { name: 'Set limit' }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(screen.getByLabelText('Limit'), { target: { value: '1500' } });
  fireEvent.click(screen.getByRole('button', { name: 'Set limit' }));
  await waitFor(() => expect(document.querySelector('.answer')?.textContent).toContain('in 2 projects'));
  cleanup();
  forget();
  queryClient.clear();
  await visit('/projects', 'operator');
  await waitFor(() => expect(screen.getByText('variant-calling')).toBeTruthy());
  expect(screen.queryByRole('button', { name: 'New project' })).toBeNull();
});

it('the page of a halted pool says what goes on, and at what price', async () => {
  await visit('/pools/par1-gp', 'bidder');
  const note = await screen.findByText(/No rounds have been held for slots from/);
  expect(note.textContent).toContain('the mean of this hour in 28 days (312 slots)');
  expect(note.textContent).toContain('12 slots of this pool have begun so');
  cleanup();
  await visit('/pools/$slug', 'bidder');
  expect(screen.queryByText(/No rounds/)).toBeNull();
});
