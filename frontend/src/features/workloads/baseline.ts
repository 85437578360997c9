// A workload's baseline and floor as an admin types them. Both are always sent whole: what it has is not left out, 0 takes it away.
import { isWhole, jobOf, notWhole } from '@/lib/adopted';
import type { BaselineBody, Instance, Quantities } from '@/lib/api';
import { formatQuantity, readQuantity, RESOURCES, shown } from '@/lib/money';

export type Which = 'baseline' | 'floor';
export type Of = Pick<Instance, 'baseline' | 'floor' | 'limit' | 'adopted'>;
/** By `baseline/cpu_milli`; a field that nobody has touched is not in it, and follows what is in force. */
export type Typed = Record<string, string>;

/** All that it may have some of. */
export function resourcesOf(of: Of): string[] {
  const all = [...new Set([of.limit, of.baseline, of.floor].flatMap((q) => Object.keys(q)))];
  return [...RESOURCES.filter((r) => all.includes(r)), ...all.filter((r) => !RESOURCES.includes(r))];
}
export const textOf = (of: Of, typed: Typed, which: Which, r: string): string => typed[`${which}/${r}`] ?? String(shown(r, of[which][r] ?? 0));

const valueOf = (of: Of, typed: Typed, which: Which, r: string): number | null => {
  const text = typed[`${which}/${r}`];
  return text === undefined ? (of[which][r] ?? 0) : readQuantity(r, text).value;
};

export function faultOf(of: Of, typed: Typed, which: Which, r: string): string | undefined {
  const text = textOf(of, typed, which, r);
  if (text.trim() === '') return 'Write 0 for none';
  const { fault } = typed[`${which}/${r}`] === undefined ? {} : readQuantity(r, text);
  if (fault) return fault;
  const [value, most] = [valueOf(of, typed, which, r), which === 'floor' ? valueOf(of, typed, 'baseline', r) : (of.limit[r] ?? 0)];
  if (value === 0 && r === 'cpu_milli' && jobOf(of)) return 'At least one node';
  if (value !== null && !isWhole(of, r, value)) return notWhole(of);
  if (value === null || most === null || value <= most) return undefined;
  return which === 'floor' ? 'At most the baseline' : `Never more than ${formatQuantity(r, most)}, as it is registered`;
}

/** What is sent; null while something is wrong, or nothing is different. */
export function bodyOf(of: Of, typed: Typed): BaselineBody | null {
  const all = resourcesOf(of);
  if ((['baseline', 'floor'] as const).some((which) => all.some((r) => faultOf(of, typed, which, r)))) return null;
  const whole = (which: Which): Quantities => Object.fromEntries(all.map((r) => [r, valueOf(of, typed, which, r) ?? 0]));
  const body = { baseline: whole('baseline'), floor: whole('floor') };
  const same = (['baseline', 'floor'] as const).every((which) => all.every((r) => body[which][r] === (of[which][r] ?? 0)));
  return same ? null : body;
}
