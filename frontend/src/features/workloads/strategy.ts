// Between the form, where prices are per core or GiB, and the wire, where they are per base unit.
import type { Strategy } from '@/lib/api';
import { decimal, divRound, formatPrice, parseDecimal, unitOf, unitPrice } from '@/lib/money';

export interface Form { bid: boolean; offer: boolean; cost: Record<string, string>; least: Record<string, string> }
const field = (r: string, price: string | undefined) => (price ? formatPrice(unitPrice(r, price)).replaceAll(',', '') : '');
const both = (names: string[], prices: Record<string, string> | undefined) => Object.fromEntries(names.map((r) => [r, field(r, prices?.[r])]));

export const formOf = (s: Strategy, names: string[]): Form => ({
  bid: s.auto_bid !== null, offer: s.auto_offer !== null, cost: both(names, s.auto_bid?.shortage_cost), least: both(names, s.auto_offer?.minimum_price),
});

function wire(prices: Record<string, string>): Record<string, string> {
  const set = Object.entries(prices).filter(([, text]) => text.trim() !== '');
  return Object.fromEntries(set.map(([r, text]) => [r, decimal(divRound(parseDecimal(text, 9), BigInt(unitOf(r).per)), 9)]));
}
export const strategyOf = (f: Form, before: Strategy): Strategy => ({
  auto_bid: f.bid ? { shortage_cost: wire(f.cost), other_pools: before.auto_bid?.other_pools ?? [] } : null,
  auto_offer: f.offer ? { minimum_price: wire(f.least) } : null,
});
