// What has become of what an order won: its receipts, one for each award and slot that is settled.
import { causeWords, DRAWN, type Order, type Receipt } from '@/lib/api';
import { asMicro, formatMoney, formatQuantity, type Micro, micro } from '@/lib/money';
import type { WonLine } from './won';

/** Of the order's own, from the beginning of its window on: a receipt is written after its slot. */
export const receiptsFrom = (o: Pick<Order, 'window'>) => ({ 'created[gte]': o.window.start_at, order: 'asc', limit: 500 });

/** Of one line: null while its slot is not settled, or where its receipt is not among those that were read. */
export interface Delivered { quantity: number; cause: string | null }
export function deliveredOf(line: WonLine, receipts: Receipt[]): Delivered | null {
  const receipt = receipts.find((r) => r.award === line.award && r.slot === line.slot);
  const of = receipt?.lines.find((l) => l.resource === line.resource && l.pool === line.pool);
  return receipt && of ? { quantity: of.delivered, cause: of.delivered < of.awarded ? receipt.cause : null } : null;
}

/** In all: what was credited, how many lines are settled, and which of them fell short. */
export interface Outcome { credited: Micro; settled: number; short: number; none: boolean; /** Some of it was taken in the slot itself. */ drawn: boolean; causes: string[] }
export function outcomeOf(order: Pick<Order, 'id'>, receipts: Receipt[]): Outcome {
  const own = receipts.filter((r) => r.order === order.id);
  const lines = own.flatMap((r) => r.lines.map((l) => ({ ...l, cause: r.cause })));
  const short = lines.filter((l) => l.delivered < l.awarded && l.cause !== DRAWN);
  return {
    credited: asMicro(own.reduce((sum, r) => sum + micro(r.credit_note), 0n)), settled: lines.length, short: short.length,
    drawn: lines.some((l) => l.cause === DRAWN), none: short.length > 0 && lines.every((l) => l.delivered === 0), causes: [...new Set(short.flatMap((l) => l.cause ?? []))].map(causeWords),
  };
}

/** A sentence for what was settled; nothing while nothing is. `all`: how many lines the order has. */
export function outcomeText({ credited, settled, short, none, drawn, causes }: Outcome, all: number, side: Order['side']): string | null {
  if (settled === 0) return null;
  const far = settled < all ? ', so far' : '';
  const why = causes.length > 0 ? ` Why: ${causes.join('; ')}.` : '';
  if (short === 0) return drawn ? 'Delivered from when it was taken on; what was before that is not charged.' : `Delivered as it was ${side === 'bid' ? 'won' : 'lent'}${far}.`;
  const money = side === 'offer' ? 'what was not is not paid for' : credited > 0n ? `${formatMoney(credited)} cr are credited` : 'what was not is credited';
  return `${none ? `Nothing of it was delivered${far}` : `Not all of it was delivered${far}`}: ${money}.${why}`;
}

const drawnLate = (d: Delivered) => d.cause === DRAWN;
export const fellShort = (awarded: number, d: Delivered): boolean => d.quantity < awarded && !drawnLate(d);
/** Under the amount of a line. */
export function deliveredText(resource: string, awarded: number, d: Delivered): string {
  if (!fellShort(awarded, d)) return drawnLate(d) ? 'from when it was taken on' : 'delivered';
  return d.quantity === 0 ? 'nothing delivered' : `${formatQuantity(resource, d.quantity)} delivered`;
}
