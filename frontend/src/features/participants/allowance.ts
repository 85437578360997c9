// What a participant may have: as it is typed, what is wrong with it, what is sent, and what that changes.
// A quota is set whole (a resource that is left out would become 0), so all of them are always sent.
import { CLASSES, type FullParticipant, type Quantities } from '@/lib/api';
import { formatCount, formatQuantity, readQuantity, readWhole, RESOURCES, shown, unitOf } from '@/lib/money';

export type Allowed = Pick<FullParticipant, 'quota' | 'instance_limit' | 'highest_class'>;
/** By resource, `instance_limit` and `highest_class`; a field that nobody has touched is not in it. */
export type Typed = Record<string, string>;
export interface Body { quota: Quantities; instance_limit?: number; highest_class?: string }

/** As the server has them. */
const MOST_QUOTA = 1_000_000_000_000;
const MOST_INSTANCES = 10_000;
/** What a new participant has where nobody says otherwise. */
export const AT_FIRST: Allowed = { quota: {}, instance_limit: 64, highest_class: 'standard' };

/** Also those that this page does not know by name. */
export const resourcesOf = (now: Allowed) => [...RESOURCES, ...Object.keys(now.quota).filter((r) => !RESOURCES.includes(r))];

/** What the fields hold: what was typed, and the present value of the others. */
export function textsOf(now: Allowed, typed: Typed): Typed {
  const quotas = Object.fromEntries(resourcesOf(now).map((r) => [r, String(shown(r, now.quota[r] ?? 0))]));
  return { ...quotas, instance_limit: String(now.instance_limit), highest_class: now.highest_class, ...typed };
}

export function faultOf(field: string, text: string): string | undefined {
  if (field === 'highest_class') return undefined;
  if (text.trim() === '') return 'Write 0 for none';
  const whole = field === 'instance_limit';
  const { value, fault } = whole ? readWhole(text) : readQuantity(field, text);
  if (fault) return fault;
  const most = whole ? MOST_INSTANCES : MOST_QUOTA;
  return value !== null && value > most ? `At most ${formatCount(whole ? most : shown(field, most))}` : undefined;
}

/** What is sent; null while something that was typed can't be. Limit and class only where they were touched: left out they stay. */
export function bodyOf(now: Allowed, typed: Typed): Body | null {
  if (Object.entries(typed).some(([field, text]) => faultOf(field, text))) return null;
  const quota = Object.fromEntries(resourcesOf(now).map((r) => [r, typed[r] === undefined ? (now.quota[r] ?? 0) : (readQuantity(r, typed[r]).value ?? 0)]));
  return {
    quota,
    ...(typed.instance_limit === undefined ? {} : { instance_limit: readWhole(typed.instance_limit).value ?? 0 }),
    ...(typed.highest_class === undefined ? {} : { highest_class: typed.highest_class }),
  };
}

export interface Change { what: string; from: string; to: string; less: boolean }
/** What would be different, a line each. */
export function changesOf(now: Allowed, body: Body): Change[] {
  const quotas = Object.keys(body.quota).map((r): Change & { same: boolean } => {
    const [from, to] = [now.quota[r] ?? 0, body.quota[r] ?? 0];
    return { what: unitOf(r).label, from: formatQuantity(r, from), to: formatQuantity(r, to), less: to < from, same: to === from };
  });
  const limit = body.instance_limit ?? now.instance_limit;
  const highest = body.highest_class ?? now.highest_class;
  return [
    ...quotas.filter((c) => !c.same),
    ...(limit === now.instance_limit ? [] : [{ what: 'Workloads', from: formatCount(now.instance_limit), to: formatCount(limit), less: limit < now.instance_limit }]),
    ...(highest === now.highest_class ? [] : [{ what: 'Highest class', from: now.highest_class, to: highest, less: CLASSES.indexOf(highest) > CLASSES.indexOf(now.highest_class) }]),
  ];
}
