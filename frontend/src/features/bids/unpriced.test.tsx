// What the ticket opens with is never a fault, and never money for what nobody has priced.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Allocation, Instance, List } from '@/lib/api';
import { forgetDrafts } from '@/lib/edit';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { Ticket } from './Ticket';

const pool = pools.find((p) => p.slug === 'fra1-gp') as (typeof pools)[number];
const bare = { ...pool, resources: pool.resources.map((r) => ({ ...r, price: null, reserve: null })) };
const real = globalThis.fetch;
const placed: { limit: string }[] = [];
/** What the server answers with instead; undefined for what the mock says. */
let preview: (body: object) => Response | object | undefined;
let full: string[] = [];
beforeEach(() => {
  asRole.role = 'bidder';
  [preview, full] = [() => undefined, []];
  placed.length = 0;
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const path = String(input);
    const answer = await real(input, init);
    if (path === '/v1/bids') placed.push(JSON.parse(String(init?.body)));
    if (path.endsWith('/preview')) {
      const body = await answer.json();
      const other = preview(body);
      return other instanceof Response ? other.clone() : new Response(JSON.stringify({ ...body, ...other }));
    }
    if (!path.startsWith('/v1/allocations')) return answer;
    const list = (await answer.json()) as List<Allocation>;
    const most = (id: string) => instances.find((i) => i.id === id)?.limit ?? {};
    // In every slot that the ticket can ask for.
    const slots = Array.from({ length: 20 }, (_, n) => new Date((Math.floor(Date.now() / 300_000) + n) * 300_000).toISOString());
    return new Response(JSON.stringify({ ...list, data: [...list.data.filter((a) => !full.includes(a.instance)), ...full.flatMap((instance) => slots.map((slot) => ({ ...list.data[0], instance, slot, limits: most(instance), missed: {} })))] }));
  }) as typeof fetch;
});
afterEach(() => { cleanup(); forgetDrafts(); globalThis.fetch = real; });

const show = (of: typeof pool) => render(<QueryClientProvider client={new QueryClient()}><Ticket pool={of} resource="cpu_milli" unitPrice={null} /></QueryClientProvider>);
const limit = () => screen.getByLabelText(/^Limit for/) as HTMLInputElement;
const button = () => screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement;
const workload = () => screen.getByLabelText('Workload that grows') as HTMLSelectElement;
const settle = () => new Promise((r) => setTimeout(r, 500));
const fault = () => document.querySelector('[aria-invalid=true], .help.bad, [role=alert]');

for (const [how, nothing] of [['null', { expected: null, expected_low: null, expected_high: null, last_cost: null }], ['nothing', { expected: undefined, expected_low: undefined, expected_high: undefined, last_cost: undefined }]] as const) {
  it(`proposes no limit where nothing has a price, and shows no amount where the server answers ${how}`, async () => {
    preview = () => ({ ...nothing, chances: [], fill_probability: null, basis: 'last_prices', warnings: ['Nothing of this has a price yet.'] });
    show(bare);
    await waitFor(() => expect(workload().value).not.toBe(''));
    await settle();
    expect([limit().value, button().disabled, fault()]).toEqual(['', true, null]);
    expect(screen.getByText(/^Nothing here has a price yet: name your own limit\. You pay the clearing price/)).toBeTruthy();
    fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
    fireEvent.keyDown(limit(), { key: 'Enter', ctrlKey: true });
    expect(placed).toEqual([]);
    fireEvent.change(limit(), { target: { value: '3' } });
    expect(await screen.findByText('Nothing of this has a price yet.')).toBeTruthy();
    expect(screen.getAllByText('no price yet')).toHaveLength(2);
    expect(screen.queryByText('cr expected')).toBeNull();
    expect(screen.queryByRole('button', { name: /^Propose/ })).toBeNull();
    expect(document.body.textContent).not.toMatch(/NaN|null|undefined/);
    await waitFor(() => expect(button().disabled).toBe(false));
    fireEvent.click(button());
    await waitFor(() => expect(placed.map((o) => o.limit)).toEqual(['3.000000']));
  });
}

it('takes its own limit back where the server says that not all of it has a price, and does not ask again and again', async () => {
  let asked = 0;
  preview = () => { asked += 1; return { expected: null, last_cost: null, chances: [] }; };
  show(pool);
  expect(await screen.findByText(/^Not all of it has a price yet: name your own limit\./)).toBeTruthy();
  await waitFor(() => expect([limit().value, button().disabled]).toEqual(['', true]));
  // A new slot asks once. A ticket that repeats its question never has a quiet half second.
  const isQuiet = async () => {
    const before = asked;
    await settle();
    expect([asked - before, limit().value]).toEqual([0, '']);
  };
  await waitFor(isQuiet, { timeout: 4_000 });
});

it('proposes another workload where the first has won up to its limit', async () => {
  full = [(instances[0] as Instance).id];
  show(pool);
  const other = instances.find((i) => i.pool === 'fra1-gp' && i.id !== full[0]) as Instance;
  await waitFor(() => expect(workload().value).toBe(other.id));
  expect(screen.queryByText(/has all that its limit/)).toBeNull();
  expect(fault()).toBeNull();
});

it('where none has room it says so calmly, with nothing to place', async () => {
  full = instances.map((i) => i.id);
  show(pool);
  expect((await screen.findByText(/variant-caller-07 has all that its limit allows from/)).closest('.note')?.className).toContain('acc');
  await settle();
  expect([fault(), button().disabled, (screen.getByLabelText('CPU') as HTMLInputElement).value, limit().value]).toEqual([null, true, '', '']);
  // What is typed all the same has a limit again.
  fireEvent.change(screen.getByLabelText('CPU'), { target: { value: '1' } });
  expect(limit().value).not.toBe('');
});

it('what the server refuses of the ticket’s own proposal is a note; of what somebody has typed it is an error', async () => {
  preview = () => new Response(JSON.stringify({ title: 'Refused', status: 422, code: 'above_instance_limit', detail: 'The instance can use at most 2000 cpu_milli. Ask for less.' }), { status: 422 });
  show(pool);
  expect((await screen.findByText(/can use at most 2 cores/)).closest('.note')?.className).toContain('acc');
  expect(screen.queryByRole('alert')).toBeNull();
  fireEvent.change(screen.getByLabelText('CPU'), { target: { value: '3' } });
  expect((await screen.findByRole('alert')).textContent).toContain('can use at most 2 cores');
});
