// A reserve price schedule: the operator's supply in steps, each a share of it at a price. Between
// the form (per cent, credits a core or GiB) and the wire (a part of 1, credits a base unit).
import type { ReservePrice } from '@/lib/api';
import { decimal, divRound, exactPrice, parseDecimal, readDecimal, trimmed, unitOf } from '@/lib/money';

export interface StepDraft { share: string; price: string }
export interface StepFaults { share?: string; price?: string }
type Wire = ReservePrice['steps'];

/** "0.800000" → "80", "0.333333" → "33.3333" */
export const percentOf = (share: string): string => {
  const ppm = parseDecimal(share, 6);
  const rest = (ppm % 10_000n).toString().padStart(4, '0');
  return trimmed(`${ppm / 10_000n}.${rest}`);
};
export const draftOf = (resource: string, steps: Wire): StepDraft[] => steps.map((s) => ({ share: percentOf(s.share), price: exactPrice(resource, s.price) }));

/** When it began to count: with its approval, where it needed one. */
const entered = (r: ReservePrice) => r.decision?.at ?? r.created_at;

/** The later one first: by when it takes effect, then by when it began to count, as the server has it. */
const later = (a: ReservePrice, b: ReservePrice) =>
  Date.parse(b.effective_at) - Date.parse(a.effective_at) || Date.parse(entered(b)) - Date.parse(entered(a)) || b.id.localeCompare(a.id);
const set = (history: ReservePrice[], resource: string) => history.filter((h) => h.resource === resource && h.state === 'scheduled');

/** The schedule of a resource that counts at a time: the last to take effect before it. */
export const inForce = (history: ReservePrice[], resource: string, at: number): ReservePrice | undefined =>
  set(history, resource).filter((h) => Date.parse(h.effective_at) <= at).sort(later)[0];

const WORDS: Record<string, string> = { pending: 'Waits for approval', rejected: 'Rejected', withdrawn: 'Withdrawn' };
/** What a schedule is at a time. The server says `scheduled` of all that were set, whatever has become of them since. */
export function standing(history: ReservePrice[], of: ReservePrice, at: number): { state: string; word: string | undefined } {
  if (of.state !== 'scheduled') return { state: of.state, word: WORDS[of.state] };
  const from = Date.parse(of.effective_at);
  // Of two for the same time the later one counts, also while both are still to come.
  const counts = inForce(history, of.resource, Math.max(at, from))?.id === of.id;
  if (!counts) return { state: 'replaced', word: 'Replaced' };
  return from > at ? { state: 'scheduled', word: 'Scheduled' } : { state: 'running', word: 'In force' };
}
/** Schedules that are set but begin later. */
export const coming = (history: ReservePrice[], resource: string, at: number): ReservePrice[] =>
  set(history, resource).filter((h) => Date.parse(h.effective_at) > at).sort((a, b) => a.effective_at.localeCompare(b.effective_at));

/** What takes back a schedule that is still to begin: it can't be deleted, but what would be in force without it can be set for the same moment, as
 *  of two for one moment the later one counts. */
export interface TakenBack { of: ReservePrice; before: ReservePrice; from: string }
export function takenBack(history: ReservePrice[], resource: string, now: number): TakenBack[] {
  return coming(history, resource, now).filter((of) => standing(history, of, now).state === 'scheduled').flatMap((of) => {
    const before = inForce(history, resource, Date.parse(of.effective_at) - 1);
    return before && JSON.stringify(before.steps) !== JSON.stringify(of.steps) ? [{ of, before, from: typedTime(of.effective_at) }] : [];
  });
}
/** For a field of date and time, in UTC; with seconds only where there are some. */
const typedTime = (at: string): string => {
  const text = new Date(at).toISOString().slice(0, 19);
  return text.endsWith(':00') ? text.slice(0, 16) : text;
};
/** What is sent for it. */
export const sentTime = (typed: string): string => (typed.length > 16 ? `${typed}Z` : `${typed}:00Z`);

const ppm = (share: string) => readDecimal(share, 4);
const nanos = (price: string) => readDecimal(price, 9);
const ALL = 1_000_000n;

/** Of the time from which it is to be in force, typed in UTC: prices of what was cleared never change. */
export function timeFault(from: string, now: number): string | undefined {
  const at = Date.parse(`${from}Z`);
  if (Number.isNaN(at)) return 'A day and a time';
  return at <= now ? 'This is past: choose a time to come' : undefined;
}

export function check(steps: StepDraft[]): { steps: StepFaults[]; total?: string; ok: boolean } {
  const faults = steps.map((s, i): StepFaults => {
    const [share, price] = [ppm(s.share), nanos(s.price)];
    const before = i > 0 ? nanos(steps[i - 1]?.price ?? '').value : null;
    return {
      share: share.value === null ? (share.fault ?? 'Per cent, like 80') : share.value === 0n ? 'More than 0' : undefined,
      price: price.value === null ? (price.fault ?? 'An amount like 0.90') : before !== null && price.value <= before ? 'More than the step before' : undefined,
    };
  });
  const sum = steps.reduce((t, s) => t + (ppm(s.share).value ?? 0n), 0n);
  const total = sum === ALL ? undefined : `The shares add up to ${percentOf(decimal(sum, 6))} %, not to 100 %`;
  return { steps: faults, total, ok: steps.length > 0 && !total && faults.every((f) => !f.share && !f.price) };
}

export const wireOf = (resource: string, steps: StepDraft[]): Wire => steps.map((s) => ({
  share: decimal(ppm(s.share).value ?? 0n, 6), price: decimal(divRound(nanos(s.price).value ?? 0n, BigInt(unitOf(resource).per)), 9),
}));

/** A step more: half of the last one, half as dear again. */
export function withStep(steps: StepDraft[]): StepDraft[] {
  const last = steps.at(-1);
  if (!last) return [{ share: '100', price: '1' }];
  const share = ppm(last.share).value ?? 0n;
  const price = nanos(last.price).value ?? 0n;
  const half = share / 2n;
  return [...steps.slice(0, -1), { ...last, share: percentOf(decimal(share - half, 6)) }, { share: percentOf(decimal(half, 6)), price: trimmed(decimal((price * 3n) / 2n, 9)) }];
}
/** A step less: its share goes to its neighbour, so that the sum stays. */
export function withoutStep(steps: StepDraft[], index: number): StepDraft[] {
  const gone = ppm(steps[index]?.share ?? '0').value ?? 0n;
  const heir = index > 0 ? index - 1 : 1;
  return steps.map((s, i) => (i === heir ? { ...s, share: percentOf(decimal((ppm(s.share).value ?? 0n) + gone, 6)) } : s)).filter((_, i) => i !== index);
}

/** "80 % at 0.9, 20 % at 1.35" */
export const sayDraft = (steps: StepDraft[]): string => (steps.length === 1 ? `all of it at ${steps[0]?.price}` : steps.map((s) => `${s.share}\u2009% at ${s.price}`).join(', '));
export const say = (resource: string, steps: Wire): string => sayDraft(draftOf(resource, steps));
