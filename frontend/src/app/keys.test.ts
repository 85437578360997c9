// @vitest-environment jsdom
import { expect, it } from 'vitest';
import { me, people, type Person } from '@/mocks/users';
import { bindings, keyHelp } from './keys';

const as = (role: string) => me(people.find((p) => p.role === role) as Person);
const none = { go: () => {}, palette: () => {}, help: () => {}, atTicket: false };

it('offers and binds just the keys that a role can use', () => {
  const keys = (role: string) => keyHelp(as(role)).map(([k]) => k);
  expect(keys('bidder')).toEqual(expect.arrayContaining(['b', 'Ctrl ↩', 'g o']));
  for (const role of ['admin', 'finance', 'operator']) {
    expect(keys(role)).not.toContain('b');
    expect(keys(role)).not.toContain('Ctrl ↩');
    expect(bindings(as(role), none).b).toBeUndefined();
  }
  expect(keys('finance')).not.toContain('g o');
  expect(bindings(as('finance'), none)['g o']).toBeUndefined();
  expect(keys('bidder')).not.toContain('g p');
});

it('a page with a ticket is not left for a new bid', () => {
  const went: string[] = [];
  bindings(as('bidder'), { ...none, go: (to) => went.push(to) }).b?.();
  bindings(as('bidder'), { ...none, go: (to) => went.push(to), atTicket: true }).b?.();
  expect(went).toEqual(['/pools']);
});
