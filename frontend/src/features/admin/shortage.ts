// What a missing unit costs: between the form (credits a core or GiB, empty where reserve prices alone
// count) and the wire (credits a base unit, such resources left out).
import { type Pool } from '@/lib/api';
import { decimal, divRound, exactPrice, readDecimal, unitOf } from '@/lib/money';

export type Costs = Record<string, string>;

export const costsOf = (pool: Pool): Costs => Object.fromEntries(pool.resources.map((r) => [r.resource, r.scarcity ? exactPrice(r.resource, r.scarcity.shortage_cost) : '']));

const typed = (text: string) => readDecimal(text, 9);
const perBaseUnit = (resource: string, value: bigint) => divRound(value, BigInt(unitOf(resource).per));
/** An empty field is no fault: it switches the price of shortages off. */
export const faultOf = (resource: string, text: string): string | undefined => {
  const { value, fault } = typed(text);
  if (fault || value === null) return fault;
  return perBaseUnit(resource, value) === 0n ? 'More than 0, or nothing' : undefined;
};
export const wireOf = (costs: Costs): Costs => Object.fromEntries(Object.entries(costs).flatMap(([resource, text]) => {
  const { value } = typed(text);
  return value === null ? [] : [[resource, decimal(perBaseUnit(resource, value), 9)]];
}));
/** What is sent, in the units of the form. */
export const say = (pool: Pool, costs: Costs): string => {
  const sent = wireOf(costs);
  return pool.resources.map(({ resource }) => {
    const { label, one } = unitOf(resource);
    return `${label} ${sent[resource] ? `${exactPrice(resource, sent[resource])} cr a missing ${one}` : 'by reserve prices alone'}`;
  }).join(', ');
};
