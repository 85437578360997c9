// A move that waits for a person: an operator approves it, with or without a reason, or rejects it with one; nobody else may.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { toasts } from '@/components/ui/toast';
import type { OneSwap, Swap } from '@/lib/api';
import { ago } from '@/mocks/clock';
import { asRole } from '@/mocks/setup';
import { swaps } from '@/mocks/swaps';
import { Answer } from './Answer';
import { Decision } from './Decision';
import { FactsPanel } from './FactsPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a> }));

const sent: { path: string; body: unknown }[] = [];
let answer: { status: number; body: unknown } = { status: 200, body: {} };
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'operator';
  answer = { status: 200, body: {} };
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    if (init?.method !== 'POST') return real(input, init);
    sent.push({ path: String(input), body: JSON.parse(String(init.body)) });
    return new Response(JSON.stringify(answer.body), { status: answer.status });
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; sent.length = 0; toasts.set([]); });

const waiting = () => {
  const swap = swaps.find((s) => s.state === 'awaiting_approval');
  if (!swap) throw new Error('no fixture');
  return swap;
};
const more = { participant_name: null, answered_by_name: null, cutover: null };
const open = (swap: Swap) => render(<QueryClientProvider client={new QueryClient()}><Decision swap={swap} /><Toaster /></QueryClientProvider>);
const press = async (name: string) => fireEvent.click(await screen.findByRole('button', { name }));

it('approves without a reason, and with one', async () => {
  const swap = waiting();
  open(swap);
  await press('Approve…');
  await press('Approve the move');
  await waitFor(() => expect(screen.getByText('Approved')).toBeTruthy());
  await press('Approve…');
  fireEvent.change(screen.getByLabelText(/Reason/), { target: { value: ' it is quiet ' } });
  await press('Approve the move');
  await waitFor(() => expect(sent).toEqual([{}, { reason: 'it is quiet' }].map((body) => ({ path: `/v1/swaps/${swap.id}/approve`, body }))));
});
it('rejects with a reason only', async () => {
  const swap = waiting();
  open(swap);
  await press('Reject…');
  expect((screen.getByRole('button', { name: 'Reject the move' }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(screen.getByLabelText(/Reason/), { target: { value: 'the target is to be serviced' } });
  await press('Reject the move');
  await waitFor(() => expect(sent).toEqual([{ path: `/v1/swaps/${swap.id}/reject`, body: { reason: 'the target is to be serviced' } }]));
});
it('says that somebody else was first', async () => {
  answer = { status: 409, body: { title: 'Conflict', code: 'swap_answered', detail: 'It was approved at 10:00 already.' } };
  open(waiting());
  await press('Approve…');
  await press('Approve the move');
  await waitFor(() => expect(screen.getByText('It was approved at 10:00 already.')).toBeTruthy());
});
it('lets nobody else answer, and stops what is under way', async () => {
  open({ ...waiting(), state: 'shadow' });
  await screen.findByRole('button', { name: 'Stop the swap, with reason' });
  expect(screen.queryByRole('button', { name: 'Approve…' })).toBeNull();
  cleanup();
  asRole.role = 'admin';
  const { container } = open(waiting());
  await waitFor(() => expect(vi.mocked(globalThis.fetch).mock.calls.length).toBeGreaterThan(1));
  expect(container.querySelector('button')).toBeNull();
});
it('tells who answered, when and why', () => {
  const asked = { ask_by: '2026-11-20T10:20:50Z', answer_by: '2026-11-20T10:21:00Z', asked_at: '2026-11-20T10:19:00Z', evidence: null };
  const swap: OneSwap = { ...waiting(), ...more, answered_by_name: 'Olga', state: 'rejected', ended_at: '2026-11-20T10:20:00Z', approval: { ...asked, answer: { verdict: 'rejected', by: 'usr_1', at: '2026-11-20T10:20:00Z', reason: 'not now' } } };
  const { container, rerender } = render(<QueryClientProvider client={new QueryClient()}><Answer swap={swap} /><FactsPanel swap={swap} /></QueryClientProvider>);
  expect(container.textContent).toContain('An operator rejected this move: “not now”. The workload stayed where it was.');
  expect(container.textContent).toMatch(/Rejected by Olga, .*: “not now”/);
  const expired: OneSwap = { ...swap, answered_by_name: null, state: 'expired', approval: { ...asked, answer: null } };
  rerender(<QueryClientProvider client={new QueryClient()}><Answer swap={expired} /><FactsPanel swap={expired} /></QueryClientProvider>);
  expect(container.textContent).toContain('Nobody approved this move in time.');
  expect(container.textContent).toContain('nobody answered by');
});

it('says that the slot has begun, that what comes late is credited, and who pays for it', async () => {
  const asked = { ask_by: ago(-100), answer_by: ago(-200), asked_at: ago(60), evidence: null };
  const begun: OneSwap = { ...waiting(), ...more, slot: ago(40), deadline: ago(40), approval: { ...asked, answer: null } };
  const { container } = render(<QueryClientProvider client={new QueryClient()}><Answer swap={begun} /><FactsPanel swap={begun} /></QueryClientProvider>);
  expect(container.querySelector('dl')?.textContent).toMatch(/Was to be there by.*, the beginning of its slot; that is over, and it comes late/);
  expect(container.querySelector('dl')?.textContent).toMatch(/to be answered by .*; without an answer it expires/);
  expect(container.textContent).toMatch(/Its slot has begun at .*: approved now it comes late, and .* credited to who bought it, and who lends or sells it is paid by the exchange/);
  expect(container.textContent).not.toContain('Deadline');
  cleanup();
  open(begun);
  await press('Approve…');
  expect(screen.getByRole('dialog').textContent).toMatch(/Its slot has begun at \d\d:\d\d\. Approved now it comes late: .* credited .* paid by the exchange\. It is moved as soon as/);
  cleanup();
  // Asked in its slot only, as its shadow run was late, it is late by itself.
  expect(render(<Answer swap={{ ...begun, approval: { ...asked, asked_at: ago(30), answer: null } }} />).container.textContent).not.toContain('has begun');
  cleanup();
  open({ ...begun, slot: ago(-100) });
  await press('Approve…');
  expect(screen.getByRole('dialog').textContent).not.toContain('Its slot has begun');
});
it('says of a move that is done that it was approved late', () => {
  const asked = { ask_by: ago(30), answer_by: ago(0), asked_at: ago(180), evidence: null };
  const done: Swap = { ...waiting(), state: 'done', ended_at: ago(10), slot: ago(100), approval: { ...asked, answer: { verdict: 'approved', by: 'usr_1', at: ago(60), reason: null } } };
  expect(render(<Answer swap={done} />).container.textContent).toContain('It was approved after its slot had begun: what is not there from the beginning of the slot on is credited');
  cleanup();
  expect(render(<Answer swap={{ ...done, approval: { ...asked, answer: { verdict: 'approved', by: 'usr_1', at: ago(160), reason: null } } }} />).container.textContent).not.toContain('credited');
});
