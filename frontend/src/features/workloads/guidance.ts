// What others know of a workload: hints as they are shown, typed and sent, and its profiles.
import type { ApplicationProfile, Hint, HintBody, Instance } from '@/lib/api';
import { formatQuantity, readQuantity, readWhole } from '@/lib/money';

/** Of one workload, what counts now or will: not over, not withdrawn; what begins first comes first. */
export const inForce = (hints: Hint[], instance: string, now: number): Hint[] =>
  hints.filter((h) => h.instance === instance && h.withdrawn_at === null && Date.parse(h.expires_at) > now)
    .sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at) || a.id.localeCompare(b.id));
export const profilesOf = (profiles: ApplicationProfile[], instance: string) => profiles.filter((p) => p.instances.includes(instance));

/** By resource what it will need at least; nodes by id; minutes from now. */
export interface Draft { needs: Record<string, string>; nodes: string[]; begins: string; holds: string; source: string }
export const FIRST: Draft = { needs: {}, nodes: [], begins: '0', holds: '60', source: '' };

const MINUTE_MILLIS = 60_000;
/** A month: what is known for longer is a profile. */
const MOST_MINUTES = 43_200;
const MOST_NAME = 100;

export function needFault(instance: Pick<Instance, 'limit'>, resource: string, text: string): string | undefined {
  const { value, fault } = readQuantity(resource, text);
  const most = instance.limit[resource] ?? 0;
  return fault ?? (value !== null && value > most ? `It can use at most ${formatQuantity(resource, most)}` : undefined);
}
export function minutesFault(text: string, least: number): string | undefined {
  const { value, fault } = readWhole(text);
  if (fault) return fault;
  return value === null || value < least || value > MOST_MINUTES ? `From ${least} to ${MOST_MINUTES} minutes` : undefined;
}
export const sourceFault = (text: string) => ([...text.trim()].length > MOST_NAME ? `At most ${MOST_NAME} characters` : undefined);

/** What is sent; null while something is wrong, or it says nothing. What was left empty is left out, `now` is what the server's clock says. */
export function hintOf(instance: Pick<Instance, 'id' | 'limit'>, d: Draft, now: number): HintBody | null {
  const needs = Object.entries(d.needs).filter(([, text]) => text.trim() !== '');
  if (needs.some(([r, text]) => needFault(instance, r, text)) || minutesFault(d.begins, 0) || minutesFault(d.holds, 1) || sourceFault(d.source)) return null;
  if (needs.length === 0 && d.nodes.length === 0) return null;
  const [begins, holds] = [readWhole(d.begins).value ?? 0, readWhole(d.holds).value ?? 0];
  const at = (minutes: number) => new Date(now + minutes * MINUTE_MILLIS).toISOString();
  return {
    instance: instance.id, expected_demand: Object.fromEntries(needs.map(([r, text]) => [r, readQuantity(r, text).value ?? 0])), avoid_nodes: d.nodes,
    ...(begins > 0 ? { starts_at: at(begins) } : {}), expires_at: at(begins + holds), ...(d.source.trim() === '' ? {} : { source: d.source.trim() }),
  };
}
