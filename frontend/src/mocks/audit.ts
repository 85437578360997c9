import type { AuditEvent } from '../lib/api/objects.ts';
import { ago } from './clock.ts';

const people = { ruth: { id: 'usr_01kab6q0zx3f4qw88hv2radmin', name: 'Ruth Adeyemi' }, jonas: { id: 'key_01kab6q0zx3f4qw88hv2rtenan', name: 'Jonas Weber (deploy)' } };
const change = (n: number, actor: AuditEvent['actor'], action: string, object: string, details: Record<string, unknown>, participant: string | null = null): AuditEvent =>
  ({ id: `aud_01kab6q0zx3f4qw88hv2raud0${n}`, created_at: ago(n * 600), sequence: 9000 - n, actor, participant, action, object, details });
const GENOMICS = 'par_01KAB6Q0ZX3F4QGENOM';

/** Newest first. */
export const changes: AuditEvent[] = [
  change(1, people.ruth, 'pool.resumed', 'ams1-lp', { pool: 'ams1-lp' }),
  change(2, people.ruth, 'pool.halted', 'ams1-lp', { pool: 'ams1-lp', by: people.ruth.id, reason: 'a fan is loud' }),
  change(3, people.jonas, 'instance.stopped', 'ins_01kab6q0zx3f4qw88hv2rstop1', { participant: GENOMICS, instance: 'ins_01kab6q0zx3f4qw88hv2rstop1' }, GENOMICS),
  change(4, people.jonas, 'project.set', 'variant-calling', { participant: GENOMICS, name: 'variant-calling', limit: '1200.000000' }, GENOMICS),
  change(5, people.jonas, 'api_key.created', 'key_01kab6q0zx3f4qw88hv2rnight', { name: 'nightly', scopes: ['market:read'], expires_at: null }, GENOMICS),
  change(6, people.ruth, 'participant.quota_set', 'par_01kab6q0zx3f4qw88hv2rgenom', { participant: 'par_01kab6q0zx3f4qw88hv2rgenom', quota: { cpu_milli: 64_000 }, instance_limit: null }),
  change(7, people.ruth, 'reserve_price.scheduled', 'rsv_01kab6q0zx3f4qw88hv2rprice', { pool: 'fra1-gp', resource: 'cpu_milli', steps: [{ up_to: '1', price: '0.000004000' }], effective_at: ago(4000) }),
];
