import { expect, it } from 'vitest';
import { participants } from '@/mocks/users';
import { micro } from '@/lib/money';
import { amountFault, hasOf, wireAmount } from './money';
import { bodyOf, faultsOf, makePassword, rolesOf, sendable } from './user';

const draft = { email: ' ines@example.org', name: 'Ines', password: 'at least twelve', role: 'tenant' as const };

it('offers the roles that the participant may have, and sends one', () => {
  expect(participants.map(rolesOf)).toEqual([['operator', 'finance', 'admin'], ['bidder', 'tenant'], ['bidder', 'tenant']]);
  expect(bodyOf(draft, 'par_1')).toEqual({ email: 'ines@example.org', name: 'Ines', password: 'at least twelve', memberships: [{ participant: 'par_1', role: 'tenant' }] });
});
it('refuses at its field what the server would', () => {
  expect(sendable(draft)).toBe(true);
  for (const wrong of [{ email: '' }, { email: 'ines' }, { name: ' ' }, { password: '' }, { password: 'eleven char' }, { password: 'x'.repeat(201) }]) expect(sendable({ ...draft, ...wrong }), JSON.stringify(wrong)).toBe(false);
  expect(faultsOf({ ...draft, email: '', name: '', password: '' })).toEqual({ email: undefined, name: undefined, password: undefined });
});
it('makes up passwords that are long enough and never the same', () => {
  const made = Array.from({ length: 50 }, makePassword);
  expect(new Set(made).size).toBe(50);
  for (const password of made) expect(password).toMatch(/^([a-hjkmnp-z2-9]{5}-){3}[a-hjkmnp-z2-9]{5}$/);
});
it('grants what was typed exactly, and takes no more back than there is', () => {
  expect([wireAmount('1000', 'grant'), wireAmount('0.1', 'back')]).toEqual(['1000.000000', '-0.100000']);
  for (const text of ['0', '-5', '1,5', '1000000000.1', '0.0000001']) expect(amountFault(text, 'grant', undefined), text).toBeTruthy();
  expect([amountFault('', 'grant', micro('0')), amountFault('10', 'back', micro('10')), amountFault('10.1', 'back', undefined)]).toEqual([undefined, undefined, undefined]);
  expect(amountFault('10.1', 'back', micro('10'))).toContain('More than is available');
  const account = (name: string, balance: string, participant = 'par_1') => ({ account: name, balance, participant, participant_name: '' });
  expect(hasOf([account('par_1/available', '5.5'), account('par_1/held', '1'), account('par_2/available', '7', 'par_2')], 'par_1')).toEqual({ available: 5_500_000n, held: 1_000_000n });
});
