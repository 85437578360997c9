// Taking back what was lent: asked once, sent once, and what it meant for others is said.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import { toasts } from '@/components/ui/toast';
import { clock } from '@/lib/time';
import { asRole } from '@/mocks/setup';
import { Recall } from './Recall';

const allocation = { instance: 'ins_1', instance_name: 'ranker', slot: '2026-11-20T10:20:00Z', node: 'nod_1', baseline: { cpu_milli: 2_000 }, limits: { cpu_milli: 1_500 }, recallable: { cpu_milli: 500 }, missed: {} };
const sent: { path: string; body: unknown; key: string | null }[] = [];
const real = globalThis.fetch;
let status = 200;
/** One that has begun. */
let slot = allocation.slot;
beforeEach(() => {
  asRole.role = 'bidder';
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    sent.push({ path: String(input), body: JSON.parse(String(init?.body)), key: new Headers(init?.headers).get('idempotency-key') });
    const body = status === 200 ? { quantity: 500, from_idle: 200 } : { status, code: 'nothing_to_recall', title: 'Conflict', detail: 'Nothing is lent.', errors: [] };
    return new Response(JSON.stringify(body), { status, headers: { 'content-type': 'application/json' } });
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; sent.length = 0; status = 200; slot = allocation.slot; toasts.set([]); });

const open = (recallable: Record<string, number>) => render(<QueryClientProvider client={new QueryClient()}><Recall allocation={{ ...allocation, slot, recallable }} /><Toaster /></QueryClientProvider>);
const takeBack = () => {
  fireEvent.click(screen.getByRole('button', { name: /^Take back .*core/ }));
  expect(sent).toEqual([]);
  fireEvent.click(screen.getByRole('button', { name: 'Take back' }));
};

it('says nothing can be taken back where nothing is lent so', () => {
  open({});
  expect([screen.queryByRole('button'), screen.getByText('none')]).toEqual([null, expect.anything()]);
});
it('asks first, sends it once, and says who gave it up', async () => {
  open({ cpu_milli: 500 });
  takeBack();
  await waitFor(() => expect(screen.getByText(/0.3 cores? of it was in use by others/)).toBeTruthy());
  expect(sent).toMatchObject([{ path: '/v1/instances/ins_1/recall', body: { resource: 'cpu_milli', slot: allocation.slot } }]);
  expect(sent[0]?.key).toBeTruthy();
});
it('says why it was not taken back', async () => {
  status = 409;
  open({ cpu_milli: 500 });
  takeBack();
  await waitFor(() => expect(screen.getByText('Not taken back')).toBeTruthy());
});

it('of a slot that has not begun it says from when on it has it again, and others have less', async () => {
  slot = new Date(Math.ceil(Date.now() / 300_000) * 300_000 + 3_600_000).toISOString();
  const at = clock(slot, 'UTC');
  open({ cpu_milli: 500 });
  fireEvent.click(screen.getByRole('button', { name: /^Take back .*core/ }));
  expect(screen.getByRole('dialog').textContent).toContain(`from ${at} on?`);
  fireEvent.click(screen.getByRole('button', { name: 'Take back' }));
  await waitFor(() => expect(screen.getByText(`ranker has 0.5 cores again from ${at} on`)).toBeTruthy());
  expect(screen.getByText(`0.3 cores of it had been bought by others, who have that much less from ${at} on.`)).toBeTruthy();
  expect(document.body.textContent).not.toMatch(/in use by others|shrink now/);
});
