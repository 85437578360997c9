// An order's awards, among all that one may see. The list can't be asked for those of one order, but for a time.
import type { Award, AwardLine, Order } from '@/lib/api';

/** A clock's second, and an award that is written just after its order. */
const MARGIN_MS = 60_000;
/** Every award of the order was made while it lived. */
export const awardsWhile = (o: Pick<Order, 'created_at' | 'updated_at'>) => ({
  'created[gte]': new Date(Date.parse(o.created_at) - MARGIN_MS).toISOString(), 'created[lt]': new Date(Date.parse(o.updated_at) + MARGIN_MS).toISOString(),
});

export interface WonLine extends AwardLine { key: string; award: string; round: number }
/** One line for each resource and slot of each award, by slot. */
export const linesOf = (order: Pick<Order, 'awards'>, awards: Award[]): WonLine[] => awards.filter((a) => order.awards.includes(a.id))
  .flatMap((a) => a.lines.map((l) => ({ ...l, award: a.id, round: a.round, key: `${a.id}/${l.pool}/${l.resource}/${l.slot}` })))
  .sort((a, b) => a.slot.localeCompare(b.slot) || a.round - b.round);
