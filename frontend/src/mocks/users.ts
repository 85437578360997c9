import type { About, Me, Role } from '../lib/api/draft.ts';

const PEOPLE: [Role, string, string][] = [['bidder', 'Ines Okafor', 'Genomics Core'], ['tenant', 'Jonas Weber', 'Genomics Core'], ['finance', 'Tomas Lind', 'Operator'], ['admin', 'Ruth Adeyemi', 'Operator'], ['operator', 'Priya Raman', 'Operator']];
export const people = PEOPLE.map(([role, name, team]) => ({ role, name, team, email: `${role}@demo.test`, password: `demo-${role}` }));
export type Person = (typeof people)[number];

export function me(p: Person): Me {
  const participant = { id: p.team === 'Operator' ? 'par_01KAB6Q0ZX3F4QOPERA' : 'par_01KAB6Q0ZX3F4QGENOM', name: p.team };
  return { user: { id: `usr_01KAB6Q0ZX3F4Q${p.role}`, email: p.email, name: p.name }, memberships: [{ participant, role: p.role }], participant, roles: [p.role], demo: true, banner: null,
    market: { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6, currency: 'CRD' } };
}
export const about: About = { version: '0.1.0', attributions: [{ name: 'Google cluster trace 2011', text: 'An extract of the cpu and memory usage of 24 tasks drives the demo\u2019s demand. Changed: sampled, scaled, permuted.', licence: 'CC-BY 4.0', url: 'https://github.com/google/cluster-data' }, { name: 'Inter', text: 'The typeface, a subset.', licence: 'SIL Open Font License 1.1' }] };
export const balance = { available: '18204.520000', held: '1911.300000', bond: '0.000000', currency: 'CRD' };
