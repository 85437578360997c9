// What a move that failed leaves is told as it is; of a workload that has what it has won nothing is said.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Allocation, Instance } from '@/lib/api';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { Ahead } from './Ahead';

const instance = instances[0] as Instance;
let missed: Allocation['missed'] = {};
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'operator';
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    if (!String(input).includes('/allocations')) return real(input, init);
    const line: Allocation = { instance: instance.id, instance_name: instance.name, slot: '2026-11-20T10:20:00Z', node: instance.node, baseline: { cpu_milli: 2000 }, limits: { cpu_milli: 2000 }, recallable: {}, missed };
    return new Response(JSON.stringify({ object: 'list', data: [line], has_more: false, next_cursor: null }));
  });
});
afterEach(() => { cleanup(); globalThis.fetch = real; });
const open = () => render(<QueryClientProvider client={new QueryClient()}><Ahead instance={instance} /></QueryClientProvider>);

it('says what was won and is credited, and does not count it as had', async () => {
  missed = { cpu_milli: 500 };
  open();
  expect((await screen.findByRole('columnheader', { name: /Won, and credited/ }))).toBeTruthy();
  const row = screen.getAllByRole('row')[1]?.textContent ?? '';
  expect(row).toMatch(/2 cores.*as always.*0\.5 cores/);
});
it('has no such column where everything won is had', async () => {
  missed = {};
  open();
  await screen.findByRole('columnheader', { name: /It will have/ });
  expect(screen.queryByRole('columnheader', { name: /Won, and credited/ })).toBeNull();
});
