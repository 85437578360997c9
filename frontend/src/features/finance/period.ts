// Which time the page is of: from and to in its address, as RFC 3339 in UTC; the presets, and what is typed.
import type { Zone } from '@/lib/time';

/** Without `from` the server takes the last 24 hours, without `to` it goes up to now. */
export interface Period { from?: string; to?: string }

const HOUR = 3_600_000;
const USUAL = '24 hours';
const HOURS = { 'Last hour': 1, [USUAL]: 24, '7 days': 168, '90 days': 2160 } as const;
export const PRESETS = ['Last hour', USUAL, '7 days', '90 days', 'This month', 'Last month'] as const;
export type Preset = (typeof PRESETS)[number];

/** The beginning of a month, in the zone that is shown. */
function monthOf(now: number, back: number, z: Zone): string {
  const at = new Date(now);
  const [year, month] = z === 'UTC' ? [at.getUTCFullYear(), at.getUTCMonth()] : [at.getFullYear(), at.getMonth()];
  return iso(z === 'UTC' ? Date.UTC(year, month - back, 1) : new Date(year, month - back, 1).getTime());
}
const iso = (at: number) => new Date(at).toISOString().replace('.000Z', 'Z');

export function periodOf(preset: Preset, now: number, z: Zone): Period {
  if (preset === USUAL) return {};
  if (preset === 'This month') return { from: monthOf(now, 0, z) };
  if (preset === 'Last month') return { from: monthOf(now, 1, z), to: monthOf(now, 0, z) };
  return { from: iso(now - HOURS[preset] * HOUR) };
}

/** Which preset is chosen; none where the times were typed, or came with a link. */
export const chosenOf = (span: string | undefined, { from, to }: Period): Preset | '' =>
  (span === undefined ? (from || to ? '' : USUAL) : (PRESETS.find((p) => p === span) ?? ''));

const two = (n: number) => String(n).padStart(2, '0');
/** For a field of date and time, to the minute. */
export function fieldOf(at: string | undefined, z: Zone): string {
  const d = new Date(at ?? '');
  if (Number.isNaN(d.getTime())) return '';
  if (z === 'UTC') return d.toISOString().slice(0, 16);
  return `${d.getFullYear()}-${two(d.getMonth() + 1)}-${two(d.getDate())}T${two(d.getHours())}:${two(d.getMinutes())}`;
}
/** What a field says; nothing where it is empty, or is no time. */
export function momentOf(field: string, z: Zone): string | undefined {
  const at = Date.parse(z === 'UTC' ? `${field}Z` : field);
  return field === '' || Number.isNaN(at) ? undefined : iso(at);
}
/** Why it can't be shown. An empty end is now, an empty beginning is a day before now. */
export function faultsOf(from: string, to: string, z: Zone, now: number): { from?: string; to?: string } {
  const [first, last] = [momentOf(from, z), momentOf(to, z)];
  if (from !== '' && !first) return { from: 'A day and a time' };
  if (to !== '' && !last) return { to: 'A day and a time' };
  if (first && Date.parse(first) >= now) return { from: 'This is still to come: choose a time that is past' };
  if (!first && last && Date.parse(last) <= now - 24 * HOUR) return { from: 'From when?' };
  return first && last && Date.parse(first) >= Date.parse(last) ? { to: 'Choose a time after the beginning' } : {};
}
