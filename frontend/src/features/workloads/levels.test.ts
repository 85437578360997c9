// A level is offered where it has several pools; it covers what the server takes it for.
import { expect, it } from 'vitest';
import { covers, levelsOf } from './levels';

const place = (slug: string, pop: string, tier: string) => ({ slug, pop, tier });
const hp = place('fra1-hp', 'fra1', 'high_performance');
const gp = place('fra1-gp', 'fra1', 'general_purpose');
const par = place('par1-gp', 'par1', 'general_purpose');

it('offers one level where every level has the same pools', () => {
  expect(levelsOf([hp, gp]).map((level) => [level.name, level.pools])).toEqual([['*/*', ['fra1-hp', 'fra1-gp']]]);
  expect(levelsOf([gp])).toEqual([]);
});

it('offers places and tiers with several pools', () => {
  expect(levelsOf([hp, gp, par]).map((level) => level.name)).toEqual(['*/*', 'fra1/*', '*/general_purpose']);
});

it('covers pools as the server does', () => {
  expect(['*/*', 'fra1/*', '*/high_performance', 'fra1/high_performance'].every((level) => covers(level, hp))).toBe(true);
  expect(['fra1-hp', 'par1/*', '*/general_purpose', 'fra1/low_priority', '/'].some((level) => covers(level, hp))).toBe(false);
});
