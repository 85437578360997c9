// The audit in words: what was done, to what, and what was asked for.
import type { AuditEvent } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { words } from './words';

/** What an action is called, and which part of the page shows it. */
const ACTIONS: Record<string, [part: Part, said: string]> = {
  'reserve_price.scheduled': ['prices', 'Reserve price set'],
  'reserve_price.proposed': ['prices', 'Reserve price proposed'],
  'reserve_price.decided': ['prices', 'Reserve price decided on'],
  'market.reserve_approval_set': ['prices', 'Approval of reserve prices set'],
  'pool.shortage_cost_set': ['prices', 'Cost of a shortage set'],
  'pool.created': ['pools', 'Pool made'],
  'pool.halted': ['pools', 'Pool halted'],
  'pool.resumed': ['pools', 'Pool resumed'],
  'pool.recallable_opened': ['pools', 'Recallable trade opened'],
  'pool.moves_at_once_set': ['pools', 'Moves at once set'],
  'pool.move_approval_set': ['pools', 'Approval of moves set'],
  'node.created': ['pools', 'Node made'],
  'node.state_set': ['pools', 'State of a node set'],
  'participant.created': ['people', 'Participant made'],
  'participant.quota_set': ['people', 'Quota set'],
  'participant.granted': ['people', 'Credits granted'],
  'user.created': ['people', 'User made'],
  'api_key.created': ['people', 'API key made'],
  'api_key.revoked': ['people', 'API key revoked'],
  'module.registered': ['workloads', 'Program uploaded'],
  'instance.registered': ['workloads', 'Workload registered'],
  'instance.baseline_set': ['workloads', 'Baseline set'],
  'instance.strategy_set': ['workloads', 'Strategy set'],
  'instance.stopped': ['workloads', 'Workload stopped'],
  'instance.restarted': ['workloads', 'Workload restarted'],
  'swap.answered': ['workloads', 'Move approved or rejected'],
  'swap.canceled': ['workloads', 'Swap cancelled'],
  'project.set': ['workloads', 'Project set'],
  'project.deleted': ['workloads', 'Project deleted'],
  'dispute.opened': ['people', 'Receipt disputed'],
  'dispute.decided': ['people', 'Dispute decided on'],
  'dispute.withdrawn': ['people', 'Dispute taken back'],
};
export const PARTS = ['all', 'prices', 'pools', 'people', 'workloads'] as const;
export type Part = (typeof PARTS)[number];
export const PART_NAMES: Record<Part, string> = { all: 'All', prices: 'Prices', pools: 'Pools and nodes', people: 'People and keys', workloads: 'Workloads and projects' };
/** For the server: the actions of a part, nothing for all of them. */
export const actionsOf = (part: Part) => Object.entries(ACTIONS).filter(([, [of]]) => of === part).map(([name]) => name).join();
/** What a tenant's own participant can change. */
export const OWN_PARTS: readonly Part[] = ['all', 'people', 'workloads'];
/** Where what was asked for says which of several things was done: its field, and what each value of it is called. */
const DONE: Record<string, { field: string; said: Record<string, string> }> = {
  'swap.answered': { field: 'verdict', said: { approved: 'Move approved', rejected: 'Move rejected' } },
  'reserve_price.decided': { field: 'verdict', said: { approve: 'Reserve price approved', reject: 'Reserve price rejected', withdraw: 'Reserve price withdrawn' } },
  'node.state_set': { field: 'state', said: { cordoned: 'Node cordoned', draining: 'Drain of a node begun', up: 'Node opened again', down: 'Node taken as down' } },
};
/** A newer server may know more. */
export function said(event: AuditEvent): string {
  const details = event.details as { amount?: unknown } & Record<string, unknown>;
  const { amount } = details;
  const done = DONE[event.action];
  const exact = done?.said[String(details[done.field])];
  if (exact) return exact;
  if (event.action === 'participant.granted' && typeof amount === 'string' && amount.startsWith('-')) return 'Grant corrected';
  return ACTIONS[event.action]?.[1] ?? event.action;
}

/** The participant whose it is; null for the operator. What the operator does to a participant, like a grant, is that one's. */
export const ownerOf = (event: AuditEvent): string | null | undefined => (event.participant === null && event.object.startsWith('par_') ? event.object : event.participant);

/** Whose it is: the operator's own, or a participant's, by its name where that is known (`names`, by id). Nothing where the server does not say it. */
export function whose(event: AuditEvent, names: ReadonlyMap<string, string>): string {
  const owner = ownerOf(event);
  if (owner === undefined) return '';
  return owner === null ? 'the operator' : (names.get(owner) ?? `…${owner.slice(-6)}`);
}

/** Where the thing has a page, its address. */
export function pageOf(event: AuditEvent): { to: string; search?: Record<string, string> } | null {
  if (event.action.startsWith('pool.')) return { to: `/pools/${encodeURIComponent(event.object)}` };
  if (event.action.startsWith('swap.')) return { to: `/swaps/${event.object}` };
  if (event.action.startsWith('instance.')) return { to: '/workloads', search: { workload: event.object } };
  return null;
}

/** What it is called: of ids of things with a name the name that was given. */
export function thing(event: AuditEvent): string {
  const { name, email, slug } = event.details as { name?: unknown; email?: unknown; slug?: unknown };
  const given = [slug, name, email].find((text) => typeof text === 'string' && text !== '');
  return event.object || (given as string | undefined) || '';
}
/** Ids are long and alike; a name that was given says more, and that of a participant (`names`, by id). */
export function called(event: AuditEvent, names: ReadonlyMap<string, string> = new Map()): string {
  // An id of a reserve price says nothing; its product does.
  const { pool, resource } = event.details as { pool?: unknown; resource?: unknown };
  if (['reserve_price.scheduled', 'reserve_price.proposed'].includes(event.action) && typeof pool === 'string' && typeof resource === 'string') return `${pool}, ${unitOf(resource).label}`;
  if (event.action === 'reserve_price.decided' && typeof pool === 'string') return pool;
  const { name } = event.details as { name?: unknown };
  const isId = /^[a-z]{3}_[0-9a-z]{26}$/.test(event.object);
  return event.object_name ?? names.get(event.object) ?? (isId && typeof name === 'string' && name !== '' ? name : isId ? `…${event.object.slice(-6)}` : thing(event));
}

/** What was asked for, field by field, in words. */
export const fields = (event: AuditEvent): [string, string][] => words(event.details, event.before);

/** The first of it, for a line of a table. */
export const brief = (event: AuditEvent) => fields(event).filter(([name, value]) => value !== event.object && value !== called(event) && !(event.action.startsWith('reserve_price.') && ['Pool', 'Resource'].includes(name))).map(([name, value]) => `${name}: ${value}`).join(' · ');
