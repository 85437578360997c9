import type { About, FullParticipant, Me, Role } from '../lib/api/objects.ts';

const PEOPLE: [Role, string, string][] = [['bidder', 'Ines Okafor', 'Genomics Core'], ['tenant', 'Jonas Weber', 'Genomics Core'], ['finance', 'Tomas Lind', 'Operator'], ['admin', 'Ruth Adeyemi', 'Operator'], ['operator', 'Priya Raman', 'Operator']];
export const people = PEOPLE.map(([role, name, team]) => ({ role, name, team, email: `${role}@demo.test`, password: `demo-${role}` }));
export type Person = (typeof people)[number];

const participant = (end: string, name: string, quota: FullParticipant['quota'], more: Partial<FullParticipant> = {}): FullParticipant =>
  ({ id: `par_01KAB6Q0ZX3F4Q${end}`, name, platform: false, quota, instance_limit: 64, highest_class: 'standard', created_at: '2026-11-02T08:00:00Z', ...more });
export const participants: FullParticipant[] = [
  participant('OPERA', 'Operator', {}, { platform: true }), participant('GENOM', 'Genomics Core', { cpu_milli: 64_000, mem_mib: 262_144 }),
  participant('CHECK', 'Checkout', { cpu_milli: 40_000, mem_mib: 40_000 }, { highest_class: 'critical' }),
];

const SCOPES: Record<Role, string[]> = {
  bidder: ['market:read', 'orders:read', 'orders:write', 'strategies:write', 'allocations:read', 'swaps:read', 'forecasts:read', 'finance:read', 'keys:read'],
  tenant: ['market:read', 'orders:read', 'orders:write', 'strategies:write', 'allocations:read', 'swaps:read', 'swaps:write', 'forecasts:read', 'finance:read', 'workloads:write', 'profiles:write', 'keys:read', 'keys:write', 'audit:read'],
  finance: ['market:read', 'finance:read', 'finance:platform', 'keys:read', 'keys:write', 'audit:read'],
  admin: ['market:read', 'pricing:write', 'admin:write', 'finance:read', 'finance:platform', 'swaps:read', 'orders:read', 'forecasts:read', 'allocations:read', 'keys:read', 'keys:write', 'audit:read'],
  operator: ['market:read', 'swaps:read', 'swaps:write', 'swaps:approve', 'nodes:work', 'forecasts:read', 'orders:read', 'allocations:read', 'operations:write', 'keys:read', 'keys:write', 'audit:read'],
};

export function me(p: Person): Me {
  const participant = { id: p.team === 'Operator' ? 'par_01KAB6Q0ZX3F4QOPERA' : 'par_01KAB6Q0ZX3F4QGENOM', name: p.team };
  return { user: { id: `usr_01KAB6Q0ZX3F4Q${p.role}`, email: p.email, name: p.name }, memberships: [{ participant, role: p.role }], participant, role: p.role, scopes: SCOPES[p.role], currency: 'credits', now: new Date().toISOString(), demo: true, banner: 'DEMO: workloads follow a recorded trace, one step a slot; 60-second slots, nothing else is accelerated.',
    market: { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6 } };
}
export const about: About = { version: '0.2.0', licence: 'Apache-2.0', demo: true, attributions: [{ name: 'Google cluster trace 2011', text: 'An extract of the cpu and memory usage of 24 tasks drives the demo\u2019s demand. Changed: sampled, scaled, permuted.', licence: 'CC-BY 4.0' }, { name: 'Inter', text: 'The typeface, a subset.', licence: 'SIL Open Font License 1.1' }] };
export const balance = { available: '18204.520000', held: '1911.300000', currency: 'CRD' };
