import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Instance } from '@/lib/api';
import { instances } from '@/mocks/swaps';
import { InstanceTable } from './InstanceTable';

afterEach(cleanup);

it('shows as an automatic bidder only what places bids', () => {
  const [bids] = instances as [Instance];
  const mute = { ...bids, id: 'ins_mute', name: 'mute', strategy: { ...bids.strategy, auto_bid: { shortage_cost: {}, other_pools: [] } } };
  const { container } = render(<QueryClientProvider client={new QueryClient()}><InstanceTable rows={[bids, mute]} pulses={{}} onSelect={() => {}} /></QueryClientProvider>);
  const [one, other] = [...container.querySelectorAll('tbody tr')].map((r) => r.textContent ?? '');
  expect([one?.includes('auto-bid'), other?.includes('auto-bid'), other?.includes('no cost named')]).toEqual([true, false, true]);
});
