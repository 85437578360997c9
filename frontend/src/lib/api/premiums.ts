// Locational prices: on a full node everything costs the pool's price and the node's premium.
import { asNano, decimal, nano } from '../money/amount';
import type { NodePremium, Round, RoundPrice } from './objects';

/** A full node in a slot: what the pool costs, and what it costs there. */
export interface FullPlace extends NodePremium { price: string; there: string }

export const thereOf = (price: string, premium: string): string => decimal(asNano(nano(price) + nano(premium)), 9);

/** The premiums of a product, each with what it costs there, the dearest first. */
export const placesOf = (p: RoundPrice, premiums: NodePremium[]): FullPlace[] => premiums
  .filter((m) => m.pool === p.pool && m.resource === p.resource && m.slot === p.slot && (!p.node || p.node === m.node))
  .map((m) => ({ ...m, price: p.price, there: thereOf(p.price, m.premium) }))
  .sort((a, b) => Number(nano(b.premium) - nano(a.premium)));

/** All full nodes of a pool in a round, by slot. */
export const fullPlaces = (round: Pick<Round, 'prices' | 'premiums'>, pool: string): FullPlace[] => round.prices
  .filter((p) => p.pool === pool)
  .flatMap((p) => placesOf(p, round.premiums ?? []))
  .sort((a, b) => Date.parse(a.slot) - Date.parse(b.slot));
