// Taking at once: what is free is shown, what is typed is sent once and at no higher price than was shown, and a refusal is said.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { toasts } from '@/components/ui/toast';
import type { Drawable, Instance } from '@/lib/api';
import { clock } from '@/lib/time';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { Draw } from './Draw';

vi.mock('@tanstack/react-router', () => ({ Link: ({ to, params, children }: { to: string; params: { slug: string }; children: string }) => <a href={to.replace('$slug', params.slug)}>{children}</a> }));

const instance = instances[0] as Instance;
const until = new Date(Date.now() + 150_000).toISOString();
const cpu: Drawable = { resource: 'cpu_milli', quantity: 300, price: '0.000500000', until, code: null, detail: null };
const memory: Drawable = { resource: 'mem_mib', quantity: 0, price: null, until: null, code: 'no_vacate_path', detail: 'No drill was made.' };
let offered: Drawable[] = [];
let answer: { status: number; body: unknown } = { status: 200, body: null };
const sent: { path: string; body: unknown; key: string | null }[] = [];
let asked = 0;
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'bidder';
  offered = [cpu, memory];
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    if (!String(input).endsWith('/draws')) return real(input, init);
    if (init?.method !== 'POST') { asked += 1; return new Response(JSON.stringify({ data: offered })); }
    sent.push({ path: String(input), body: JSON.parse(String(init.body)), key: new Headers(init.headers).get('idempotency-key') });
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  });
});
afterEach(() => { cleanup(); vi.useRealTimers(); globalThis.fetch = real; sent.length = 0; asked = 0; toasts.set([]); });

const open = () => render(<QueryClientProvider client={new QueryClient()}><Draw instance={instance} /><Toaster /></QueryClientProvider>);
const form = () => screen.findByRole('form', { name: 'Take more CPU' });
const field = () => screen.getByLabelText('Take, CPU') as HTMLInputElement;
const button = () => screen.getByRole('button', { name: 'Take it' }) as HTMLButtonElement;
const type = (text: string) => fireEvent.change(field(), { target: { value: text } });

it('shows what is free, until when, at what price, and what the rest of the slot costs at most; and why there is no more', async () => {
  open();
  const said = (await form()).textContent;
  expect(said).toContain(`0.3 cores until ${clock(until, 'UTC')}`);
  expect(said).toContain('0.5000 cr a core and slot');
  // 0.3 cores for half a slot of 300 s, or a moment less of it.
  await waitFor(() => expect(screen.getByText(/^at most/).textContent).toMatch(/at most 0\.07[45]\d? cr/));
  expect(screen.getByText(/only by a workload that has shown to give it back/).textContent).toMatch(/^Memory: /);
  expect([field().value, button().disabled]).toEqual(['', true]);
  expect(screen.queryByText(/Nothing can be had/)).toBeNull();
});
it('takes what was typed, once, at no higher price than was shown, and says what it got', async () => {
  answer = { status: 200, body: { order: 'bid_1', resource: 'cpu_milli', quantity: 200, price: '0.000500000', until } };
  open();
  await form();
  type('0.2');
  expect(screen.getByText(/^At most 0\.0[45]\d* cr until/)).toBeTruthy();
  fireEvent.click(button());
  await screen.findByText(`${instance.name} has taken 0.2 cores until ${clock(until, 'UTC')}`);
  expect(screen.getByText('At 0.5000 cr a core and slot; it is in force within seconds.')).toBeTruthy();
  expect(sent).toMatchObject([{ path: `/v1/instances/${instance.id}/draws`, body: { resource: 'cpu_milli', quantity: 200, highest_price: '0.000500000' } }]);
  expect(sent[0]?.key).toBeTruthy();
  expect(field().value).toBe('');
  // What is left is read again.
  await waitFor(() => expect(asked).toBeGreaterThan(1));
});
it('fills in all that is free, and says where less was there by then', async () => {
  answer = { status: 200, body: { order: 'bid_1', resource: 'cpu_milli', quantity: 100, price: '0.000500000', until } };
  open();
  await form();
  fireEvent.click(screen.getByRole('button', { name: 'All that is free' }));
  expect(field().value).toBe('0.3');
  fireEvent.click(button());
  await screen.findByText(/has taken 0\.1 cores/);
  expect(screen.getByText(/No more of the 0\.3 cores was free/)).toBeTruthy();
});
it('sends nothing that can not be read, or is not free', async () => {
  open();
  await form();
  for (const [text, fault] of [['0,2', 'Write 0.2 with a point'], ['0', 'More than 0'], ['0.4', 'Free is 0.3 cores']] as const) {
    type(text);
    expect([screen.getByText(fault).textContent, field().getAttribute('aria-invalid'), button().disabled]).toEqual([fault, 'true', true]);
    fireEvent.submit(screen.getByRole('form', { name: 'Take more CPU' }));
  }
  expect(sent).toEqual([]);
});
it('says why it was not taken, keeps what was typed, and forgets the refusal with the next digit', async () => {
  answer = { status: 409, body: { status: 409, code: 'draw_too_dear', title: 'Conflict', detail: 'It costs more than you named.' } };
  open();
  await form();
  type('0.2');
  fireEvent.click(button());
  expect((await screen.findByRole('alert')).textContent).toBe('Not taken: It costs more than you named.');
  expect(field().value).toBe('0.2');
  type('0.1');
  await waitFor(() => expect(screen.queryByRole('alert')).toBeNull());
});
it('a refusal stays on the page where the offer goes', async () => {
  answer = { status: 409, body: { status: 409, code: 'nothing_to_draw', title: 'Conflict', detail: 'Others were faster.' } };
  open();
  await form();
  offered = [{ ...memory, resource: 'cpu_milli', code: 'nothing_to_draw', detail: 'Nothing is free.' }, memory];
  type('0.2');
  fireEvent.click(button());
  await screen.findByText('Nothing is free.');
  expect(screen.getByRole('alert').textContent).toContain('Others were faster.');
});
it('where nothing can be had it says why, and leads to the ticket', async () => {
  offered = [{ ...memory, resource: 'cpu_milli', code: 'instance_not_running', detail: 'It does not run.' }, { ...memory, code: 'instance_not_running', detail: 'It does not run.' }];
  open();
  expect(await screen.findByText('Nothing can be had now.')).toBeTruthy();
  expect(screen.getByText(/^The workload has stopped or failed: restart it first\./)).toBeTruthy();
  expect(screen.getByRole('link', { name: 'Bid for the slots that come' }).getAttribute('href')).toBe(`/pools/${instance.pool}`);
  expect(screen.queryByRole('form')).toBeNull();
});
it('looks again by itself at least every ten seconds', async () => {
  vi.useFakeTimers({ shouldAdvanceTime: true });
  open();
  await form();
  const before = asked;
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked).toBeGreaterThan(before);
});
