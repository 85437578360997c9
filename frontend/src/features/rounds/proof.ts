// What a certificate says and what it does not: `verified` is that every rule holds; that nothing
// better exists is said by quality, gap and bound alone.
import type { Certificate, Round } from '@/lib/api';
import { asMicro, formatMoney, type Micro, nearestMicro } from '@/lib/money';

export interface Proof {
  checked: boolean;
  /** No outcome under the rules has more welfare. */
  best: boolean;
  /** Share of the bound that is not proven. */
  gap: number;
  /** The same in credits, where the bound is known. */
  open: Micro | null;
}

/** An exact fraction (`p/q` or decimal) as a number; what can't be read is not a proof. */
export function ratio(text: string): number {
  const [p = '', q = '1'] = text.trim().split('/');
  const value = p === '' ? Number.NaN : Number(p) / Number(q);
  return Number.isFinite(value) ? value : Number.NaN;
}

/** Welfare is printed rounded, the bound rounded up: so much apart says nothing. */
const ROUNDING = 1n;

export function proofOf(c: Certificate | null | undefined): Proof {
  if (!c) return { checked: false, best: false, gap: Number.NaN, open: null };
  const gap = ratio(c.gap);
  const over = c.bound ? nearestMicro(c.bound) - nearestMicro(c.welfare) : null;
  const open = over === null ? null : asMicro(over > ROUNDING ? over : 0n);
  return { checked: c.verified, best: c.verified && c.quality === 'optimal' && gap === 0 && !open, gap, open };
}

/** "0.31 %": as many digits as say something. */
export function gapText(p: Proof): string {
  if (Number.isNaN(p.gap)) return 'unknown';
  const percent = p.gap * 100;
  const digits = percent >= 10 ? percent.toFixed(0) : String(Number(percent.toPrecision(2)));
  return `${percent > 0 && percent < 0.0001 ? '< 0.0001' : digits}\u2009%`;
}
/** What is not proven, for the end of a sentence. */
export const openText = (p: Proof): string => (p.gap === 0 && p.open ? `${formatMoney(p.open)} cr` : `${gapText(p)}${p.open ? ` (${formatMoney(p.open)} cr)` : ''}`);

/** Full nodes, and one price for all that can't tell them from empty ones, are all that keeps the round under its bound. */
export const nodesAreFull = (c: Certificate | null | undefined): boolean => c?.limited_by === 'NO_HOST_FITS';

/** What is left open and why, for a person. */
export function openSentence(c: Certificate | null | undefined): string {
  const open = openText(proofOf(c));
  if (nodesAreFull(c)) return `Some nodes are full: up to ${open} more welfare would fit on the rest, but no one price for all was found that carries it.`;
  return `Up to ${open} more welfare is not ruled out.${c?.limited_by ? ' The search ended before everything was tried.' : ''}`;
}

/** What the checker verifies of this round; what the round has nothing of is not listed. */
export function rulesOf(round: Round): string[] {
  const set = round.prices.map((p) => p.set_by.split(':')[0]);
  return [
    round.awards > 0 && 'Every award costs price × quantity; no bid pays over its limit, no offer gets less than it asked',
    round.prices.length > 0 && 'One price a product and slot, and none over its cap',
    'Every order is awarded or refused, once; nothing in the money was left out except for a rule that is named',
    round.awards > 0 && 'Nothing is sold that was not supplied, and every replica fits on its node',
    round.awards > 0 && 'What buyers pay is what lenders and operator receive, to the micro-credit',
    round.prices.some((p) => p.reserve !== null) && 'The operator’s own capacity is sold at its reserve price or above',
    set.includes('arc') && 'No price difference between pools is larger than what moving costs',
    'The printed welfare is that of the awards and not over its bound',
    round.certificate?.input_hash && round.certificate.result_hash && 'Book and result are the ones whose hashes stand above',
  ].filter((x): x is string => typeof x === 'string' && x !== '');
}
