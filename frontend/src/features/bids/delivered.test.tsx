// What an order won is not yet what it was given: its receipts say what was delivered, what is credited, and why.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Award, Order, Receipt } from '@/lib/api';
import { awards } from '@/mocks/orders';
import { orders } from '@/mocks/orders';
import { receipts } from '@/mocks/finance';
import { asRole } from '@/mocks/setup';
import { outcomeOf, outcomeText } from './delivered';
import { WonPanel } from './WonPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a> }));
const real = globalThis.fetch;
const [award] = awards as [Award];
const order: Order = { ...(orders[1] as Order), awards: [award.id], awarded: '0.720000', status: 'filled' };
const receipt = (delivered: number, cause: string | null, more: Partial<Receipt> = {}): Receipt => {
  const [line] = award.lines;
  if (!line) throw new Error('no fixture');
  return { ...(receipts[0] as Receipt), award: award.id, order: order.id, slot: line.slot, cause, credit_note: delivered === 0 ? '0.720000' : '0.000000', lines: [{ pool: line.pool, resource: line.resource, awarded: line.quantity, delivered, price: line.price, amount: '0.000000', credit_note: '0.720000' }], ...more };
};
let there: Receipt[] = [];
const asked: string[] = [];
beforeEach(() => {
  asRole.role = 'bidder';
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    asked.push(String(input));
    return String(input).startsWith('/v1/receipts') ? new Response(JSON.stringify({ object: 'list', data: there, has_more: false })) : real(input, init);
  }) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = real; asked.length = 0; });
const open = () => render(<QueryClientProvider client={new QueryClient()}><WonPanel order={order} /></QueryClientProvider>).container;

it('says that nothing of it was delivered, why, and that all of it is credited', async () => {
  there = [receipt(0, 'move_failed'), { ...receipt(0, 'recalled'), order: 'bid_of_another', award: 'awd_of_another' }];
  const container = open();
  expect((await screen.findByText(/^Nothing of it was delivered: 0\.72 cr are credited\. Why: its workload could not be moved\.$/)).closest('.note')?.className).toContain('warn');
  expect(await screen.findByText('nothing delivered')).toBeTruthy();
  expect([...container.querySelectorAll('tbody tr')].slice(-3).map((r) => r.textContent)).toEqual(['Cost0.72', 'Credited, as it was not there−0.72', 'Paid for what was delivered0.00']);
  expect(asked.find((a) => a.startsWith('/v1/receipts'))).toContain(`created%5Bgte%5D=${encodeURIComponent(order.window.start_at)}`);
});
it('says that it was delivered where it was, and nothing while nothing is settled', async () => {
  there = [receipt(award.lines[0]?.quantity ?? 0, null)];
  open();
  expect(await screen.findByText('Delivered as it was won.')).toBeTruthy();
  cleanup();
  there = [];
  const container = open();
  await screen.findByText('Cost; what is not delivered is credited');
  expect(container.querySelector('.note')).toBeNull();
});
it('is not asked for by a role that sees no receipts', async () => {
  asRole.role = 'operator';
  open();
  await screen.findByText('Cost; what is not delivered is credited');
  expect(asked.filter((a) => a.startsWith('/v1/receipts'))).toEqual([]);
});
it('counts what was taken in the slot itself as whole, and says so far while slots are to come', () => {
  const of = (list: Receipt[], all = list.length) => outcomeText(outcomeOf(order, list), all, 'bid');
  expect(of([receipt(100, 'drawn_in_slot')])).toBe('Delivered from when it was taken on; what was before that is not charged.');
  expect(of([receipt(100, 'late_or_partial', { credit_note: '0.100000' })], 3)).toBe('Not all of it was delivered, so far: 0.10 cr are credited. Why: it came late, or in part.');
  expect(outcomeText(outcomeOf(order, [receipt(0, 'kept_by_program')]), 1, 'offer')).toMatch(/^Nothing of it was delivered: what was not is not paid for\./);
});
