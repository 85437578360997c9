// What a missing unit costs: between the form (credits a core or GiB, empty where reserve prices alone
// count) and the wire (credits a base unit, such resources left out).
import { type Pool } from '@/lib/api';
import { decimal, divRound, exactPrice, readDecimal, unitOf } from '@/lib/money';

export type Costs = Record<string, string>;

export const costsOf = (pool: Pool): Costs => Object.fromEntries(pool.resources.map((r) => [r.resource, r.scarcity ? exactPrice(r.resource, r.scarcity.shortage_cost) : '']));

const typed = (text: string) => readDecimal(text, 9);
/** An empty field is no fault: it switches the price of shortages off. */
export const faultOf = (text: string): string | undefined => {
  const { value, fault } = typed(text);
  return fault ?? (value === 0n ? 'More than 0, or nothing' : undefined);
};
export const wireOf = (costs: Costs): Costs => Object.fromEntries(Object.entries(costs).flatMap(([resource, text]) => {
  const { value } = typed(text);
  return value === null ? [] : [[resource, decimal(divRound(value, BigInt(unitOf(resource).per)), 9)]];
}));
