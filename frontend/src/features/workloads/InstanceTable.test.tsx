import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Instance, Sample } from '@/lib/api';
import { metrics } from '@/mocks/forecasts';
import { instances } from '@/mocks/swaps';
import { InstanceTable } from './InstanceTable';

afterEach(cleanup);

it('shows as an automatic bidder only what places bids', () => {
  const [bids] = instances as [Instance];
  const mute = { ...bids, id: 'ins_mute', name: 'mute', strategy: { ...bids.strategy, auto_bid: { shortage_cost: {} } } };
  const { container } = render(<QueryClientProvider client={new QueryClient()}><InstanceTable rows={[bids, mute]} pulses={{}} onSelect={() => {}} /></QueryClientProvider>);
  const [one, other] = [...container.querySelectorAll('tbody tr')].map((r) => r.textContent ?? '');
  expect([one?.includes('auto-bid'), other?.includes('auto-bid'), other?.includes('no cost named')]).toEqual([true, false, true]);
});

it('does not call well what waits for CPU now', () => {
  const [one] = instances as [Instance];
  const [sample] = metrics(one).data as [Sample];
  const pulses = { [one.id]: { sample: { ...sample, throttled_millis: 998, input_lag: 163 }, risk: 0.02, unknown: { sample: null, risk: null } } };
  render(<QueryClientProvider client={new QueryClient()}><InstanceTable rows={[one, { ...one, id: 'ins_other', name: 'other' }]} pulses={pulses} onSelect={() => {}} /></QueryClientProvider>);
  const badge = screen.getByText('Running, waits for CPU');
  expect([badge.className.includes('warn'), badge.parentElement?.title, screen.getAllByText('Running')]).toEqual([true, '163 inputs behind', [expect.anything()]]);
});
