import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { RoundPrice } from '@/lib/api';
import { PricesPanel } from './PricesPanel';

afterEach(cleanup);
const price = (volume: number): RoundPrice => ({ pool: `p${volume}`, resource: 'cpu_milli', slot: '2026-11-25T10:00:00Z', price: '0.000144000', low: '0.000144000', high: '0.000144000', volume, set_by: 'bid:bid_01m881qzydfx6rg5r4d3t9jcmp' }) as RoundPrice;

it('a price at which nothing was traded was set by nobody, and is muted', () => {
  render(<PricesPanel prices={[price(0), price(2000)]} />);
  const [still, traded] = ['p0', 'p2000'].map((pool) => screen.getByText(pool).closest('tr') as HTMLElement);
  expect([still?.textContent?.includes('not traded'), still?.textContent?.includes('Bid'), still?.querySelector('.big')]).toEqual([true, false, null]);
  expect([traded?.textContent?.includes('not traded'), traded?.textContent?.includes('▲ Bid'), traded?.querySelector('.big') === null]).toEqual([false, true, false]);
});
