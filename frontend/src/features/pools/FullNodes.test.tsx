// What a full node costs beyond its pool's price, as the last cleared round has it.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Pool, Round } from '@/lib/api';
import { pools } from '@/mocks/pools';
import { round } from '@/mocks/rounds';
import { asRole } from '@/mocks/setup';
import { FullNodes } from './FullNodes';

const real = globalThis.fetch;
let rounds: Round[] = [];
beforeEach(() => {
  asRole.role = 'bidder';
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => (String(input).startsWith('/v1/rounds') ? new Response(JSON.stringify({ object: 'list', data: rounds, has_more: false })) : real(input, init))) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = real; });
const open = (slug: string) => render(<QueryClientProvider client={new QueryClient()}><FullNodes pool={pools.find((p) => p.slug === slug) as Pool} /></QueryClientProvider>).container;
const cells = (row: HTMLElement) => within(row).getAllByRole('cell').map((c) => c.textContent);

it('names each with the pool’s price, its premium and what it costs there, per unit as people count', async () => {
  rounds = [round(948_212)];
  open('fra1-gp');
  expect(await screen.findAllByText('fra1-gp-14')).toHaveLength(2);
  const [, cpu, memory] = screen.getAllByRole('row');
  expect(cells(cpu as HTMLElement).filter((_, n) => n !== 2)).toEqual(['fra1-gp-14', 'CPU, cores', '1.2480', '+ 0.2200', '1.4680']);
  expect(cells(memory as HTMLElement).filter((_, n) => n !== 2)).toEqual(['fra1-gp-14', 'Memory, GiB', '0.0620', '+ 0.0100', '0.0720']);
  expect(screen.getByRole('heading', { name: 'Full nodes' })).toBeTruthy();
});
it('says so where none is full, also where the server leaves premiums out', async () => {
  rounds = [round(948_212)];
  const container = open('hel1-gp');
  expect(await screen.findByText('No node is full: every node costs the pool’s price.')).toBeTruthy();
  cleanup();
  rounds = [{ ...round(948_212), premiums: undefined }];
  open('fra1-gp');
  expect(await screen.findByText('No node is full: every node costs the pool’s price.')).toBeTruthy();
  expect(container.textContent).not.toContain('pays the premium');
});
it('goes by the last round that has cleared, and says where none has', async () => {
  const sealed = { ...round(948_213), certificate: null, prices: [], premiums: undefined };
  rounds = [sealed, round(948_212)];
  const container = open('fra1-gp');
  expect(await screen.findAllByText('fra1-gp-14')).toHaveLength(2);
  expect(container.textContent).toContain('round 948,212');
  cleanup();
  rounds = [sealed];
  open('fra1-gp');
  expect(await screen.findByText('No round has cleared yet.')).toBeTruthy();
});
