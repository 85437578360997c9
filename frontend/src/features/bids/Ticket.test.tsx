// What is typed into the ticket is what is sent, or nothing is.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { toasts } from '@/components/ui/toast';
import { forgetDrafts } from '@/lib/edit';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { Ticket } from './Ticket';

const sent: { path: string; body: { limit: string; resources: Record<string, number>; min_run_slots: number; no_displacement: boolean } }[] = [];
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'bidder';
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    if (init?.method === 'POST') sent.push({ path: String(input), body: JSON.parse(String(init.body)) });
    return real(input, init);
  });
});
afterEach(() => { cleanup(); forgetDrafts(); globalThis.fetch = real; sent.length = 0; toasts.set([]); });

const pool = pools.find((p) => p.slug === 'fra1-gp') as (typeof pools)[number];
let client = new QueryClient();
const show = (of: typeof pool, resource = 'cpu_milli', unitPrice: number | null = null) => {
  client = new QueryClient();
  return render(<QueryClientProvider client={client}><Ticket pool={of} resource={resource} unitPrice={unitPrice} /></QueryClientProvider>);
};
async function open() {
  show(pool);
  // The preview has answered, and put in its proposal.
  await waitFor(() => expect(screen.getByRole('button', { name: /Propose|Place bid, hold/ })).toBeTruthy());
}
const type = (label: string | RegExp, text: string) => fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
const settle = () => new Promise((r) => setTimeout(r, 400));
/** A busy machine may still be asking for what the ticket opened with. */
async function quiet() {
  // An answer that came late has the ticket ask once more: it is quiet when nothing follows for two pauses.
  for (let [before, idle] = [-1, 0]; idle < 2;) { idle = before === sent.length ? idle + 1 : 0; before = sent.length; await settle(); }
}

for (const [label, text, said] of [['CPU', '1,5', 'Write 1.5 with a point'], ['Memory', '1,5', 'Write 1.5 with a point'], [/^Limit for/, '1,5', 'Write 1.5 with a point'], [/^Limit for/, '-3', 'without a sign'], ['CPU', '1e3', 'Only digits'], ['For', '2,0', 'Write 2.0 with a point'], ['For', '999999999999', 'slots are open'], ['CPU', '1.2345678', 'At most 3 digits'], ['CPU', '0', 'More than 0, or empty'], ['Memory', '0.0', 'More than 0, or empty'], ['CPU', '0.0001', 'Empty, or at least 0.001 cores'], ['CPU', '999999999999', 'At most 48 cores'], [/^Limit for/, '999999999999', 'cr a slot']] as const) {
  it(`“${text}” in ${label}: kept, marked, and neither previewed nor placed`, async () => {
    await open();
    await quiet();
    sent.length = 0;
    type(label, text);
    const input = screen.getByLabelText(label) as HTMLInputElement;
    expect(input.value).toBe(text);
    expect(input.getAttribute('aria-invalid')).toBe('true');
    expect(document.getElementById(input.getAttribute('aria-describedby') ?? '')?.textContent).toContain(said);
    expect((screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement).disabled).toBe(true);
    fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
    fireEvent.keyDown(input, { key: 'Enter', ctrlKey: true });
    await settle();
    expect(sent).toEqual([]);
  });
}

it('mended, it places just that', async () => {
  await open();
  type(/^Limit for/, '1,5');
  type(/^Limit for/, '1.5');
  type('CPU', '1.5');
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(sent.some((s) => s.path === '/v1/bids')).toBe(true));
  const order = sent.find((s) => s.path === '/v1/bids')?.body;
  expect(order?.limit).toBe('1.500000');
  expect(order?.resources.cpu_milli).toBe(1500);
  expect(order?.resources.mem_mib).toBeGreaterThan(0);
});

it('what was typed is there when one comes back, until it is placed', async () => {
  const values = () => ['CPU', 'For', /^Limit for/].map((label) => (screen.getByLabelText(label) as HTMLInputElement).value);
  await open();
  await quiet();
  const first = values();
  type('CPU', '1.25');
  type('For', '2');
  type(/^Limit for/, '7,5');
  cleanup();
  show(pool);
  expect(values()).toEqual(['1.25', '2', '7,5']);
  expect(screen.getByLabelText(/^Limit for/).getAttribute('aria-invalid')).toBe('true');
  type(/^Limit for/, '7.5');
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(sent.find((s) => s.path === '/v1/bids')?.body.limit).toBe('15.000000'));
  await quiet();
  cleanup();
  await open();
  await quiet();
  expect(values().slice(0, 2)).toEqual(first.slice(0, 2));
});

const another = (resource: string, capacity: number) => ({ ...(pool.resources[0] as (typeof pool.resources)[number]), resource, capacity, free: capacity, price: null, reserve: '0.010000000' });
it('has a field for each resource of the pool, that of the page first, and sends what was typed into them', async () => {
  show({ ...pool, slug: 'gpu1', resources: [...pool.resources, another('gpu_milli', 8000), another('storage_gib', 500)] }, 'gpu_milli');
  const labels = () => [...document.querySelectorAll('form .halves label')].map((l) => l.textContent);
  expect(labels().slice(0, 4)).toEqual(['GPU', 'CPU', 'Memory', 'Storage']);
  type('GPU', '1.5');
  expect(screen.getByText('Whole devices')).toBeTruthy();
  type('GPU', '2');
  type('CPU', '');
  type('Memory', '');
  type('Storage', '20');
  type(/^Limit for/, '3');
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(sent.find((s) => s.path === '/v1/bids')?.body.resources).toEqual({ gpu_milli: 2000, storage_gib: 20 }));
});

it('a price that is picked is one of the resource of the page', () => {
  show({ ...pool, slug: 'gpu1', resources: [...pool.resources, another('gpu_milli', 8000)] }, 'gpu_milli', 2.5);
  expect((screen.getByLabelText(/^Limit for/) as HTMLInputElement).value).toBe('2.50');
});

it('opens without a fault where nothing can be had and nothing has a price; what was emptied by hand is one', () => {
  asRole.role = 'nobody';
  const [cpu] = pool.resources;
  show({ ...pool, slug: 'fra1-gp~recallable', recallable_of: 'fra1-gp', resources: [{ ...(cpu as NonNullable<typeof cpu>), capacity: 0, free: 0, price: null, reserve: null, reference: '0.000000000' }] });
  expect(document.querySelector('[aria-invalid=true], .help.bad')).toBeNull();
  expect((screen.getByLabelText(/^Limit for/) as HTMLInputElement).value).toBe('');
  expect(screen.getByText(/^Nothing here has a price yet: name your own limit\./)).toBeTruthy();
  expect((screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement).disabled).toBe(true);
  type(/^Limit for/, '1');
  type(/^Limit for/, '');
  expect(screen.getByText('Name a limit')).toBeTruthy();
});

it('asks for a run only where there are slots to leave out, and for no move only where there is a workload', async () => {
  await open();
  expect(screen.queryByLabelText('At least')).toBeNull();
  type('For', '4');
  type('At least', '2');
  const workload = screen.getByLabelText('Workload that grows') as HTMLSelectElement;
  await waitFor(() => expect(workload.value).not.toBe(''));
  fireEvent.click(screen.getByLabelText('Do not move the workload'));
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(sent.find((s) => s.path === '/v1/bids')?.body).toMatchObject({ min_run_slots: 2, no_displacement: true }));
  fireEvent.change(workload, { target: { value: '' } });
  expect(screen.queryByLabelText('Do not move the workload')).toBeNull();
  type('For', '1');
  expect(screen.queryByLabelText('At least')).toBeNull();
  sent.length = 0;
  await quiet();
  // Only a moment after the one before.
  await waitFor(() => expect((screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement).disabled).toBe(false));
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(sent.find((s) => s.path === '/v1/bids')?.body).toMatchObject({ min_run_slots: 0, no_displacement: false }));
});

it('an order without an answer is not said to have failed; sent again it has the same key, changed it is another order', async () => {
  await open();
  await quiet();
  const keys: (string | undefined)[] = [];
  const answering = globalThis.fetch;
  let gone = true;
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    if (String(input) === '/v1/bids' && init?.method === 'POST') {
      keys.push((init.headers as Record<string, string>)['Idempotency-Key']);
      if (gone) throw new TypeError('Failed to fetch');
    }
    return answering(input, init);
  }) as typeof fetch;
  const press = () => fireEvent.keyDown(screen.getByLabelText('CPU'), { key: 'Enter', ctrlKey: true });
  press();
  expect((await screen.findByRole('alert')).textContent).toContain('whether this arrived is not known');
  expect(screen.queryByText(/no longer what was sent/)).toBeNull();
  type(/^Limit for/, '7.25');
  expect(screen.getByText(/no longer what was sent/)).toBeTruthy();
  press();
  await waitFor(() => expect(keys).toHaveLength(2));
  await waitFor(() => expect(screen.queryByText(/no longer what was sent/)).toBeNull());
  gone = false;
  await waitFor(() => { press(); expect(keys.length).toBeGreaterThan(2); });
  await waitFor(() => expect(screen.queryByRole('alert')).toBeNull());
  expect(keys[1]).not.toBe(keys[0]);
  expect(keys[2]).toBe(keys[1]);
});

it('a limit under the price: the price is said to be that, and not what the bid is expected to cost', async () => {
  await open();
  expect(await screen.findByText('cr expected')).toBeTruthy();
  type(/^Limit for/, '0.05');
  expect(await screen.findByText('over the limit')).toBeTruthy();
  expect(screen.queryByText('cr expected')).toBeNull();
  const price = screen.getByText('Expected price of it, over the limit').nextElementSibling?.textContent ?? '';
  expect(Number.parseFloat(price)).toBeGreaterThan(0.05);
});

const placed = () => sent.filter((s) => s.path === '/v1/bids').length;
it('Enter in a field places nothing; with the command key it does, once however long it is held', async () => {
  await open();
  await quiet();
  for (const label of ['CPU', 'For', /^Limit for/]) {
    // What a browser does of itself on Enter in a field is to submit, unless it is told not to.
    expect(fireEvent.keyDown(screen.getByLabelText(label), { key: 'Enter' })).toBe(false);
  }
  await settle();
  expect(placed()).toBe(0);
  expect(fireEvent.keyDown(screen.getByRole('button', { name: /^Place bid/ }), { key: 'Enter' })).toBe(true);
  fireEvent.keyDown(screen.getByLabelText('CPU'), { key: 'Enter', ctrlKey: true, repeat: true });
  fireEvent.keyDown(screen.getByLabelText('CPU'), { key: 'Enter', ctrlKey: true });
  await waitFor(() => expect(placed()).toBe(1));
});

it('just after an order was placed neither the key nor the button places another', async () => {
  await open();
  await quiet();
  const button = () => screen.getByRole('button', { name: /^Place bid/ }) as HTMLButtonElement;
  const press = () => fireEvent.keyDown(screen.getByLabelText('CPU'), { key: 'Enter', metaKey: true });
  press();
  await waitFor(() => expect(toasts.get().some((t) => t.title.startsWith('Bid placed'))).toBe(true));
  await new Promise((r) => setTimeout(r, 50));
  press();
  fireEvent.click(button());
  expect(button().disabled).toBe(true);
  await settle();
  expect(placed()).toBe(1);
  await waitFor(() => expect(button().disabled).toBe(false));
  press();
  await waitFor(() => expect(placed()).toBe(2));
});

it('without a workload it is capacity only, and the ticket says that nothing runs on it', async () => {
  await open();
  const field = screen.getByLabelText('Workload that grows') as HTMLSelectElement;
  await waitFor(() => expect(field.value).not.toBe(''));
  expect(screen.queryByText(/Nothing of yours runs on it/)).toBeNull();
  fireEvent.change(field, { target: { value: '' } });
  expect(field.selectedOptions[0]?.textContent).toBe('None: capacity only');
  expect(document.getElementById(screen.getByLabelText('Workload that grows').closest('.fld')?.querySelector('.help')?.id ?? '')?.textContent).toBe('Nothing of yours runs on it; choose a workload to have it resized');
  fireEvent.click(screen.getByRole('button', { name: '▼ Offer mine' }));
  expect(screen.queryByText(/Nothing of yours runs on it/)).toBeNull();
});

it('an offer lends one resource in one slot: no other field is sent, and no other is asked for', async () => {
  await open();
  await quiet();
  type('For', '3');
  type('Memory', '1');
  fireEvent.click(screen.getByRole('button', { name: '▼ Offer mine' }));
  const lends = screen.getByLabelText('Lends') as HTMLSelectElement;
  expect([lends.value, [...lends.options].map((o) => o.textContent)]).toEqual(['cpu_milli', ['CPU', 'Memory']]);
  for (const label of ['Memory', 'For', 'The whole amount or none of it']) expect(screen.queryByLabelText(label), label).toBeNull();
  expect(screen.getByText(/^An offer lends one resource in one slot/)).toBeTruthy();
  fireEvent.change(lends, { target: { value: 'mem_mib' } });
  expect(screen.queryByLabelText('CPU')).toBeNull();
  const workload = screen.getByLabelText('Workload that lends') as HTMLSelectElement;
  await waitFor(() => expect(workload.value).not.toBe(''));
  type('Memory', '2');
  type(/^Least you take/, '0.5');
  sent.length = 0;
  await waitFor(() => expect((screen.getByRole('button', { name: 'Place offer' }) as HTMLButtonElement).disabled).toBe(false));
  fireEvent.click(screen.getByRole('button', { name: 'Place offer' }));
  // The mock refuses what the server refuses: an offer of several.
  await waitFor(() => expect(toasts.get().some((t) => t.title.startsWith('Offer placed'))).toBe(true));
  const offers = sent.filter((s) => s.path === '/v1/offers');
  expect(offers.map((o) => [o.body.resources, o.body.limit])).toEqual([[{ mem_mib: 2048 }, '0.500000']]);
  expect(sent.some((s) => s.path === '/v1/bids')).toBe(false);
});

it('says that limit and chances are of one slot and of prices alone, and what the preview knows beside that', async () => {
  const mocked = globalThis.fetch;
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const answer = await mocked(input, init);
    if (!String(input).endsWith('/preview')) return answer;
    return new Response(JSON.stringify({ ...(await answer.json()), fill_probability: 0, warnings: ['No mem_mib has been traded in a settled slot yet: it counts at its last price in all of them.', 'The strategy of web lets rounds change it by at most 500 cpu_milli in a slot (max_swap): it can\u2019t win.'] }));
  }) as typeof fetch;
  await open();
  const chips = within(await screen.findByRole('group', { name: 'Limit by its chance, by prices alone' }));
  fireEvent.click(chips.getByRole('button', { name: /^99.% by price/ }));
  await waitFor(() => expect(screen.getByText(/What there is of it says less/)).toBeTruthy());
  expect(document.body.textContent).not.toMatch(/% to fill/);
  expect(screen.getByLabelText('Limit for each slot, all of the above')).toBeTruthy();
  expect(screen.getByText(/^No Memory has been traded in a settled slot yet/)).toBeTruthy();
  expect(screen.getByText(/by at most 0.5 cores in a slot: it can/)).toBeTruthy();
  type('For', '3');
  await waitFor(() => expect(screen.getByText(/^For all 3 slots .* cr, the limit of the whole order in the API\./)).toBeTruthy());
});
