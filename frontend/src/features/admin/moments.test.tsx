// Prices are scheduled for moments far ahead and close together: no two of them look alike.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { NamedReservePrice, Pool, Proposal } from '@/lib/api';
import { serverSays } from '@/lib/time';
import { pools } from '@/mocks/pools';
import { History } from './History';
import { Proposals } from './Proposals';
import { TakeBack } from './TakeBack';

const NOW = '2026-11-25T12:00:00Z';
serverSays(NOW);
afterEach(cleanup);
const schedule = (id: string, effective_at: string, price: string, state = 'scheduled'): NamedReservePrice =>
  ({ id, pool: 'hel1-gp', resource: 'cpu_milli', steps: [{ share: '1.000000', price }], effective_at, created_by: null, created_at: '2026-11-01T09:30:15Z', state, decision: null, in_force_until: null, created_by_name: null, decided_by_name: null });
const list = [
  schedule('rsv_a', '2026-11-01T10:00:00Z', '0.000900000'), schedule('rsv_b', '2026-11-25T16:43:07Z', '0.001000000'),
  schedule('rsv_c', '2026-11-25T16:43:00Z', '0.001100000'), schedule('rsv_d', '2999-01-01T00:00:00Z', '0.001200000'),
];
const show = (part: React.ReactNode) => render(<QueryClientProvider client={new QueryClient()}>{part}</QueryClientProvider>);

it('in the history', () => {
  show(<History pool={pools[0] as Pool} list={list} />);
  const rows = [...screen.getByRole('table').querySelectorAll('tbody tr')].map((r) => [...r.querySelectorAll('time')].map((t) => t.textContent));
  expect(rows).toEqual([['1 Jan 2999 00:00', '1 Nov 09:30:15'], ['25 Nov 16:43:07', '1 Nov 09:30:15'], ['25 Nov 16:43', '1 Nov 09:30:15'], ['1 Nov 10:00', '1 Nov 09:30:15']]);
});
it('where they are taken back', () => {
  const { container } = show(<TakeBack history={list} resource="cpu_milli" now={Date.parse(NOW)} fill={() => {}} />);
  for (const at of ['25 Nov 16:43 UTC', '25 Nov 16:43:07 UTC', '1 Jan 2999 00:00 UTC']) expect(container.textContent).toContain(`for slots from ${at} on`);
});
it('where they wait for a second person', () => {
  const waiting = list.slice(1).map((of): Proposal => ({ pool: 'hel1-gp', of: { ...of, state: 'pending' }, list, etag: '"7"' }));
  const { container } = show(<Proposals waiting={waiting} />);
  for (const at of ['25 Nov 16:43', '25 Nov 16:43:07', '1 Jan 2999 00:00']) expect(container.textContent).toContain(`for slots from ${at} on`);
});
