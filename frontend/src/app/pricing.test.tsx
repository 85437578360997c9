// Reserve prices of several pools: what waits for a second person is seen whatever pool is chosen, and counted beside the
// page's name; which product the forms are for is chosen by its row or in the form, and said before a switch turns.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { fanOut } from '@/lib/live/fanout';
import { clock, moment } from '@/lib/time';
import { ago, slotAt } from '@/mocks/clock';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { swaps } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const mock = globalThis.fetch;
const had = { pools: structuredClone(pools), swaps: structuredClone(swaps) };
const sent: [string, unknown][] = [];
const asked: string[] = [];
beforeEach(() => {
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    if (!init?.method || init.method === 'GET') asked.push(String(input));
    else sent.push([String(input), init.body ? JSON.parse(String(init.body)) : null]);
    return mock(input, init);
  }) as typeof fetch;
});
afterEach(() => {
  cleanup(); forget(); queryClient.clear(); globalThis.fetch = mock; sent.length = 0; asked.length = 0;
  pools.splice(0, pools.length, ...structuredClone(had.pools)); swaps.splice(0, swaps.length, ...structuredClone(had.swaps));
});

async function visit(path: string, role = 'admin') {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
  return router;
}
const button = (name: string | RegExp) => screen.findByRole('button', { name }) as Promise<HTMLButtonElement>;

it('shows the proposals of every pool, and one of another pool than the chosen one is approved there', async () => {
  await visit('/admin/pricing?pool=hel1-gp');
  const list = within(await screen.findByRole('list', { name: 'Proposals' }));
  expect(list.getAllByRole('listitem')).toHaveLength(pools.length);
  const item = list.getAllByRole('listitem').find((i) => i.textContent?.startsWith('fra1-hp, CPU')) as HTMLElement;
  expect(item.textContent).toMatch(/for slots from .*Proposed by Hanna Brandt/);
  fireEvent.click(within(item).getByRole('button', { name: /^Approve fra1-hp, CPU, from .*…$/ }));
  expect(screen.getByRole('dialog').textContent).toContain('Approve this reserve price of CPU in fra1-hp?');
  fireEvent.click(await button('Approve it'));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent).toEqual([['/v1/pools/fra1-hp/reserve_prices/rsv_fra1-hp_0c/approve', null]]);
});

it('counts beside a page’s name what waits there for who may approve it, and reads it again only when that may have changed', async () => {
  await visit('/finance');
  expect(await screen.findByRole('link', { name: `Reserve prices, ${pools.length} wait for approval` })).toBeTruthy();
  expect(screen.getByRole('link', { name: 'Swaps' })).toBeTruthy();
  const before = asked.filter((a) => a.endsWith('/reserve_prices')).length;
  const out = fanOut(queryClient);
  const event = { id: 1, previous: 0, created_at: '', participant: null, object: 'x', data: {} };
  out.push({ ...event, type: 'round.awarded' });
  out.flush();
  await new Promise((later) => setTimeout(later, 50));
  expect(asked.filter((a) => a.endsWith('/reserve_prices'))).toHaveLength(before);
  pools.splice(1);
  out.push({ ...event, type: 'pool.changed' });
  out.flush();
  expect(await screen.findByRole('link', { name: 'Reserve prices, 1 waits for approval' })).toBeTruthy();
  cleanup(); forget(); queryClient.clear();
  await visit('/', 'operator');
  expect(await screen.findByRole('link', { name: 'Swaps, 1 waits for approval' })).toBeTruthy();
  Object.assign(swaps[0] ?? {}, { state: 'rejected' });
  const moves = fanOut(queryClient);
  moves.push({ ...event, type: 'swap.rejected', object: swaps[0]?.id ?? '', data: swaps[0] });
  moves.flush();
  expect(await screen.findByRole('link', { name: 'Swaps' })).toBeTruthy();
  cleanup(); forget(); queryClient.clear();
  asked.length = 0;
  await visit('/', 'bidder');
  expect(asked.filter((a) => /reserve_prices|awaiting_approval/.test(a))).toEqual([]);
});

it('proposes a time that leaves a second person half an hour at least, and one soon where nobody else is asked', async () => {
  const ahead = async () => (Date.parse(`${((await screen.findByLabelText('In force from, UTC')) as HTMLInputElement).value}Z`) - Date.now()) / 60_000;
  await visit('/admin/pricing?pool=hel1-gp');
  expect(await ahead()).toBeGreaterThanOrEqual(30);
  expect(screen.getByText(/an approval that comes later is refused/)).toBeTruthy();
  cleanup(); forget(); queryClient.clear();
  (pools[0] as (typeof pools)[number]).two_person_approval = false;
  await visit('/admin/pricing?pool=hel1-gp');
  expect(await ahead()).toBeLessThan(5);
});

it('a click on a row chooses its pool and resource, is shown, and what was typed for another product is there again with it', async () => {
  await visit('/admin/pricing');
  const table = await screen.findByRole('table', { name: 'Reserve prices' });
  const row = (name: string) => [...table.querySelectorAll('tbody tr')].find((r) => r.textContent?.startsWith(name)) as HTMLElement;
  const price = () => screen.getByLabelText('Price of step 1') as HTMLInputElement;
  const field = (name: string) => screen.getByLabelText(name) as HTMLSelectElement;
  expect(row('hel1-gp, CPU').getAttribute('aria-selected')).toBe('true');
  await screen.findByLabelText('Price of step 1');
  fireEvent.change(price(), { target: { value: '7' } });
  fireEvent.click(row('fra1-hp, Memory').querySelectorAll('td')[2] as HTMLElement);
  await waitFor(() => expect([field('Pool').value, field('Resource').value]).toEqual(['fra1-hp', 'mem_mib']));
  expect([row('fra1-hp, Memory').getAttribute('aria-selected'), row('hel1-gp, CPU').getAttribute('aria-selected')]).toEqual(['true', 'false']);
  expect(price().value).not.toBe('7');
  expect(screen.getByRole('region', { name: 'Approval of moves, fra1-hp' })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'hel1-gp, CPU' }));
  await waitFor(() => expect(price().value).toBe('7'));
  fireEvent.change(field('Pool'), { target: { value: 'mad1-gp' } });
  await screen.findByRole('heading', { name: 'New reserve price, mad1-gp' });
  expect(row('mad1-gp, CPU').getAttribute('aria-selected')).toBe('true');
  fireEvent.change(field('Settings of the pool'), { target: { value: 'ams1-gp' } });
  await screen.findByRole('region', { name: 'Moves at once, ams1-gp' });
});

it('says from when a proposed reserve price counts, and until when what is in force does, before it is approved', async () => {
  await visit('/admin/pricing?pool=hel1-gp');
  fireEvent.click(await button(/^Approve hel1-gp, CPU, from .*…$/));
  const said = screen.getByRole('dialog').textContent ?? '';
  const at = moment(ago(-7200), 'UTC');
  expect(said).toContain(`In force for slots before ${at}: `);
  expect(said).toContain(`Proposed for slots from ${at} on: `);
});

it('says of the last price of a product for which slot it was', async () => {
  const [cpu] = pools.find((p) => p.slug === 'fra1-gp')?.resources ?? [];
  if (!cpu?.price) throw new Error('no fixture');
  cpu.price = { ...cpu.price, slot: slotAt(5) };
  await visit('/admin/pricing');
  const row = (await screen.findAllByRole('button', { name: 'fra1-gp, CPU' }))[0]?.closest('tr');
  expect(row?.textContent).toContain(clock(slotAt(5), 'UTC'));
  expect(document.querySelector('.answer')?.textContent).toMatch(/^Of the \d+ products that have been traded the reserve price set the last price of \d+/);
  expect(document.body.textContent).not.toContain('next slot');
});

it('says how a schedule that has not begun is taken back, and fills the form in for it', async () => {
  const mocked = globalThis.fetch;
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const answer = await mocked(input, init);
    if (!String(input).endsWith('/pools/hel1-gp/reserve_prices')) return answer;
    const list = (await answer.json()) as { data: { id: string; state: string; effective_at: string }[] };
    const data = list.data.map((s) => (s.id.endsWith('0c') ? { ...s, state: 'scheduled', effective_at: '2099-05-01T10:00:30Z' } : s));
    return new Response(JSON.stringify({ ...list, data }), { headers: { ETag: '"7"' } });
  }) as typeof fetch;
  await visit('/admin/pricing?pool=hel1-gp');
  fireEvent.click(await button('Fill in what takes it back'));
  expect(screen.getByText(/^Scheduled for slots from 1 May/).textContent).toContain('set what is in force before it (80\u2009% at 0.6, 20\u2009% at 0.9) for the same moment');
  expect((screen.getByLabelText('In force from, UTC') as HTMLInputElement).value).toContain('2099-05-01T10:00:30');
  fireEvent.click(await button('Propose the schedule…'));
  fireEvent.click(await button('Propose it'));
  await waitFor(() => expect(sent.length).toBe(1));
  expect(sent[0]?.[1]).toMatchObject({ resource: 'cpu_milli', effective_at: '2099-05-01T10:00:30Z', steps: [{ share: '0.800000', price: '0.000600000' }, { share: '0.200000', price: '0.000900000' }] });
});
