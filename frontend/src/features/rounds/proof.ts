// What a certificate says and what it does not: `verified` is that every rule holds; that nothing
// better exists is said by the quality alone, and by a bound that adds up.
import type { Certificate, Round } from '@/lib/api';
import { asMicro, formatMoney, type Micro, nearestMicro } from '@/lib/money';

export interface Proof {
  checked: boolean;
  /** No outcome under the rules has more welfare, but for what whole units and printed prices take. */
  best: boolean;
  /** Share of the bound that is left open. */
  gap: number;
  /** The same in credits; null where it can't be read. */
  open: Micro | null;
}

/** Welfare, bound and gap are each rounded to a micro-credit here: so much apart says nothing. */
const ROUNDING = 2n;

function read(text: string): Micro | null {
  try { return nearestMicro(text); } catch { return null; }
}

export function proofOf(c: Certificate | null | undefined): Proof {
  if (!c) return { checked: false, best: false, gap: Number.NaN, open: null };
  const [welfare, bound, open] = [read(c.welfare), read(c.bound), read(c.gap.total)];
  if (welfare === null || bound === null || open === null) return { checked: c.verified, best: false, gap: Number.NaN, open: null };
  const apart = bound - welfare - open;
  const addsUp = apart >= -ROUNDING && apart <= ROUNDING;
  const gap = open <= 0n ? 0 : Number(open) / Math.max(Number(bound), Number(open));
  return { checked: c.verified, best: c.verified && c.quality === 'optimal' && addsUp, gap, open: asMicro(open > 0n ? open : 0n) };
}

/** "0.31 %": as many digits as say something. */
export function gapText(p: Proof): string {
  if (Number.isNaN(p.gap)) return 'unknown';
  const percent = p.gap * 100;
  const digits = percent >= 10 ? percent.toFixed(0) : String(Number(percent.toPrecision(2)));
  return `${percent > 0 && percent < 0.0001 ? '< 0.0001' : digits}\u2009%`;
}
/** What is left open, for the middle of a sentence. */
export const openText = (p: Proof): string => (p.open === null ? 'an unknown part' : `${gapText(p)} (${formatMoney(p.open)} cr)`);

export interface Cause { id: 'blocks' | 'hosts' | 'rounding'; label: string; text: string; value: string }
const CAUSES: Omit<Cause, 'value'>[] = [
  { id: 'blocks', label: 'Bids with a minimum or alternatives', text: 'for bids that take a minimum or nothing, or one of several alternatives' },
  { id: 'hosts', label: 'Lots without a node', text: 'for lots that no node has room for' },
  { id: 'rounding', label: 'Whole units and printed prices', text: 'for whole units and printed prices' },
];
/** The gap by cause, in credits. */
export const causesOf = (c: Certificate): Cause[] => CAUSES.map((cause) => ({ ...cause, value: c.gap[cause.id] }));

/** Full nodes, and no bid with a minimum or alternatives, are what keeps the round under its bound. */
export const nodesAreFull = (c: Certificate | null | undefined): boolean => !!c && (read(c.gap.hosts) ?? 0n) > 0n && read(c.gap.blocks) === 0n;

/** What is left open and why, for a person. */
export function openSentence(c: Certificate | null | undefined): string {
  const said = `Up to ${openText(proofOf(c))} more welfare is not ruled out`;
  const causes = c ? causesOf(c).flatMap(({ value, text }) => { const amount = read(value); return amount !== null && amount > 0n ? [`${formatMoney(amount)} cr ${text}`] : []; }) : [];
  return causes.length === 0 ? `${said}.` : `${said}: ${causes.join('; ')}.`;
}

/** What the checker verifies of this round; what the round has nothing of is not listed. */
export function rulesOf(round: Round): string[] {
  const full = (round.premiums ?? []).length > 0;
  return [
    round.awards > 0 && 'Every award costs price × quantity; no bid pays over its limit, no offer gets less than it asked',
    round.prices.length > 0 && 'One price a product and slot, whatever anybody bid',
    full && 'A premium is asked only on a node without room left, and of everybody there',
    'Every order is awarded or refused, once; nothing in the money was left out except for a rule that is named',
    round.awards > 0 && 'Nothing is sold that was not supplied, and every lot lies whole on a node with room',
    round.awards > 0 && 'What buyers pay is what lenders and operator receive, to the micro-credit',
    round.prices.some((p) => p.reserve !== null) && 'The operator’s own capacity is sold at its reserve price or above',
    'The printed welfare is that of the awards, and no outcome has more than the bound',
    round.certificate?.input_hash && round.certificate.result_hash && 'Book and result are the ones whose hashes stand above',
  ].filter((x): x is string => typeof x === 'string' && x !== '');
}
