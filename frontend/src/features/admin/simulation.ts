// What a simulation says, in numbers that a page can show: changes, bands, and what is missing.
import type { Figures, Simulated } from '@/lib/api';
import { formatMoney, formatRough, micro, toNumber, unitOf } from '@/lib/money';

export interface SimulationBody { resource: string; steps: Simulated['steps']; rounds: number }

/** One measure before, after, and over the band: the least and the most of bids held fixed and demand that follows. */
export interface Measure { id: string; label: string; before: number; after: number; low: number; high: number; say: (value: number) => string }

type Pick = (f: Figures) => number;
const credits = (text: string) => toNumber(micro(text), 6);
const sayCredits = (value: number) => `${formatMoney(micro(value.toFixed(6)))} cr`;

export function measures(of: Simulated): Measure[] {
  const quantity = (value: number) => formatRough(of.resource, value);
  const all: [string, string, Pick, Measure['say']][] = [
    ['operator', 'The operator takes, whole market', (f) => credits(f.operator_revenue), sayCredits],
    ['revenue', 'All buyers pay, whole market', (f) => credits(f.revenue), sayCredits],
    ['sold', `The operator sells, ${of.pool} ${unitOf(of.resource).label}`, (f) => f.operator_volume, quantity],
    ['volume', `Bought from anybody, ${of.pool} ${unitOf(of.resource).label}`, (f) => f.volume, quantity],
  ];
  return all.map(([id, label, pick, say]) => {
    const ends = [of.after, ...of.band.map((b) => b.after)].map(pick);
    return { id, label, before: pick(of.before), after: pick(of.after), low: Math.min(...ends), high: Math.max(...ends), say };
  });
}

/** In per cent of before; null where nothing was there to compare with. */
export const changeOf = (before: number, after: number): number | null => (before === 0 ? (after === 0 ? 0 : null) : ((after - before) / before) * 100);

/** "12 % less", "as much", "3 % more" */
export function sayChange(before: number, after: number): string {
  const change = changeOf(before, after);
  if (change === null) return 'something instead of nothing';
  const size = Math.abs(change) < 10 ? Math.round(Math.abs(change) * 10) / 10 : Math.round(Math.abs(change));
  if (size === 0) return 'as much';
  return `${size}\u2009% ${change < 0 ? 'less' : 'more'}`;
}

/** The same within a sentence, `what` being "of it" or "in all": a change from or to nothing is no percentage. */
export function sayOutcome(before: number, after: number, what: string): string {
  if (after === 0) return before === 0 ? `nothing ${what} either way` : `nothing ${what} any more`;
  return before === 0 ? `something ${what} instead of nothing` : `${sayChange(before, after)} ${what}`;
}

/** What a reader has to know before trusting the figures. */
export function caveats(of: Simulated): string[] {
  const list: string[] = [];
  if (!of.complete) list.push(`Time ended it after ${of.rounds.length} ${of.rounds.length === 1 ? 'round' : 'rounds'}; ask for fewer.`);
  if (of.rounds.length > 0 && of.band.length === 0) list.push('Time did not suffice for the band.');
  const other = of.rounds.filter((r) => !r.reproduced).length;
  if (other > 0) list.push(`${other} of the rounds come out otherwise with this version than they did then; "before" is what this version makes of them.`);
  const rough = Math.max(of.before.bounded_rounds, of.after.bounded_rounds, ...of.band.map((b) => b.after.bounded_rounds));
  if (rough > 0) list.push(`In ${rough} of the rounds the search for the best outcome ended at its limits: a part of the change may be due to that alone.`);
  const empty = of.rounds.filter((r) => r.void !== null).length;
  if (empty > 0) list.push(`${empty} of the rounds have no outcome in the replay and count as nothing sold.`);
  return list;
}
