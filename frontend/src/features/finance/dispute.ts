// Disputes: what a receipt is about, and what a dispute says for people.
import type { Dispute, Receipt } from '@/lib/api';
import { asMicro, formatMoney, micro, type Micro } from '@/lib/money';

const DAY_MS = 86_400_000;
/** A receipt may be disputed for so long; the server says so, too. */
const OPEN_FOR_MS = 7 * DAY_MS;

/** A micro-credit amount of so many units at a price, half to even as the server does. */
function charge(price: string, quantity: number): bigint {
  const nano = BigInt(Math.round(Number(price) * 1e9)) * BigInt(quantity);
  const [whole, rest] = [nano / 1000n, nano % 1000n];
  return whole + (rest > 500n || (rest === 500n && whole % 2n === 1n) ? 1n : 0n);
}

/** The most that may be claimed: of what was bought what it cost for good and what of it was missing, of what was lent what is missing to all of it. */
export function atStake(r: Receipt): Micro {
  if (r.side === 'bid') return asMicro(micro(r.amount) + micro(r.credit_note) + micro(r.reservation_fee ?? '0'));
  const whole = r.lines.reduce((sum, l) => sum + charge(l.price, l.awarded), 0n);
  const missing = whole - micro(r.amount) + micro(r.compensation ?? '0');
  return asMicro(missing > 0n ? missing : 0n);
}

/** The dispute that counts for a receipt: one that was withdrawn is as if it had not been. */
export const disputeOf = (disputes: readonly Dispute[], receipt: string): Dispute | undefined => disputes.find((d) => d.receipt === receipt && d.state !== 'withdrawn');

export const disputable = (r: Receipt, disputes: readonly Dispute[], now: number): boolean =>
  !disputeOf(disputes, r.id) && atStake(r) > 0n && now - Date.parse(r.recorded_at) < OPEN_FOR_MS;

/** How it stands, in words. */
export function standing(d: Dispute): string {
  if (d.state === 'upheld') return micro(d.note) === micro(d.claimed) ? `upheld, ${formatMoney(micro(d.note))} cr paid` : `upheld in part, ${formatMoney(micro(d.note))} of ${formatMoney(micro(d.claimed))} cr paid`;
  return d.state === 'open' ? `open, ${formatMoney(micro(d.claimed))} cr set aside` : d.state;
}
