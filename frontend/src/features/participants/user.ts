// A new user as it is typed and sent.
import type { FullParticipant, Role, UserRecord } from '@/lib/api';

export interface Draft { email: string; name: string; password: string; role: Role }

const PLATFORM: Role[] = ['operator', 'finance', 'admin'];
const ORDINARY: Role[] = ['bidder', 'tenant'];
export const rolesOf = (p: FullParticipant): Role[] => (p.platform ? PLATFORM : ORDINARY);
const ROLE_TEXT: Record<Role, string> = {
  bidder: 'bids, offers, sets strategies', tenant: 'also registers workloads and makes API keys', operator: 'approves and stops moves, cordons nodes', finance: 'sees everybody’s balances and statements', admin: 'sets prices, quotas and credits; makes users; halts pools',
};
export const roleText = (role: Role) => ROLE_TEXT[role] ?? '';

/** As the server has it. */
const LEAST = 12;
const MOST = 200;
export function faultsOf(d: Draft): Partial<Record<keyof Draft, string>> {
  const long = [...d.password].length;
  return {
    email: d.email !== '' && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(d.email.trim()) ? 'An address looks like name@example.org' : undefined,
    name: [...d.name].length > 100 ? 'At most 100 characters' : undefined,
    password: d.password !== '' && (long < LEAST || long > MOST) ? `${LEAST} to ${MOST} characters` : undefined,
  };
}
export const sendable = (d: Draft) => d.email.trim() !== '' && d.name.trim() !== '' && d.password !== '' && Object.values(faultsOf(d)).every((f) => f === undefined);
export const bodyOf = (d: Draft, participant: string) => ({ email: d.email.trim(), name: d.name.trim(), password: d.password, memberships: [{ participant, role: d.role }] });

/** Without letters and digits that are taken for each other. 20 of 31 are 99 bits. */
const LETTERS = 'abcdefghjkmnpqrstuvwxyz23456789';
export function makePassword(): string {
  // 248 is the largest multiple of 31 in a byte: what is above would make some letters likelier.
  const letters: string[] = [];
  while (letters.length < 20) for (const byte of crypto.getRandomValues(new Uint8Array(32))) if (byte < 248 && letters.length < 20) letters.push(LETTERS[byte % LETTERS.length] as string);
  return letters.join('').replace(/(.{5})(?=.)/g, '$1-');
}

export interface Member { user: UserRecord; role: Role }
export const membersOf = (users: UserRecord[], participant: string): Member[] =>
  users.flatMap((user) => user.memberships.filter((m) => m.participant.id === participant).map((m) => ({ user, role: m.role })));
