import { expect, it } from 'vitest';
import { bodyOf, type Draft, faultsOf, typed, wordsOf } from './register';

const draft: Draft = { name: 'alignment', module: 'mod_1', arguments: '', pool: 'fra1-gp', baseCores: '1', baseGib: '1', floorCores: '0.5', floorGib: '0.5', mostCores: '4', mostGib: '2.5', lends: true, least: '' };

it('sends a limit for cores and for memory', () => {
  expect(Object.values(faultsOf(draft)).some(Boolean)).toBe(false);
  expect(bodyOf(draft)).toMatchObject({ limit: { cpu_milli: 4000, mem_mib: 2560 }, baseline: { cpu_milli: 1000, mem_mib: 1024 }, floor: { cpu_milli: 500, mem_mib: 512 } });
});
it('is made of a module, or of a command with its arguments', () => {
  expect(bodyOf(draft)).toMatchObject({ module: 'mod_1' });
  expect(bodyOf(draft)).not.toHaveProperty('command');
  const made = bodyOf({ ...draft, arguments: '  --level 3 "two words" ' }, 'index');
  expect(made).toMatchObject({ command: ['index', '--level', '3', 'two words'] });
  expect(made).not.toHaveProperty('module');
  for (const [text, words] of [
    ['', []], [' a  b ', ['a', 'b']], ['""', ['']], ['--x="a b" c', ['--x=a b', 'c']], ['"a \\" b"', ['a " b']], ['a\\\\b \\"', ['a\\b', '"']], ['"open end', ['open end']], ['end\\', ['end\\']],
  ] as const) {
    expect(wordsOf(text), text).toEqual(words);
    expect(wordsOf(words.map(typed).join(' ')), text).toEqual(words);
  }
});
it('floor ≤ baseline ≤ limit, of both', () => {
  expect(faultsOf({ ...draft, mostGib: '0.5', mostCores: '0.9' })).toMatchObject({ mostGib: 'At least the baseline', mostCores: 'At least the baseline' });
  expect(faultsOf({ ...draft, floorGib: '2', floorCores: '2' })).toMatchObject({ floorGib: 'At most the baseline', floorCores: 'At most the baseline' });
});
it('every quantity is a plain number', () => {
  for (const field of ['baseCores', 'baseGib', 'floorCores', 'floorGib', 'mostCores', 'mostGib'] as const) {
    expect(faultsOf({ ...draft, [field]: '1,5' })[field], field).toBe('Write 1.5 with a point');
    expect(faultsOf({ ...draft, [field]: '' })[field], field).toBe('How much?');
  }
});
it('says nothing of lending where it lends as workloads do, and says so where it does not or for no less than a price', () => {
  expect(bodyOf(draft)).not.toHaveProperty('strategy');
  expect(bodyOf({ ...draft, lends: false, least: '0.7' })).toMatchObject({ strategy: { auto_offer: null } });
  expect(bodyOf({ ...draft, least: '0.7' }).strategy).toEqual({ auto_offer: { minimum_price: { cpu_milli: '0.000700000' } } });
  expect(['', '0,7', '-1'].map((least) => [!!faultsOf({ ...draft, least }).least, !!faultsOf({ ...draft, least, lends: false }).least])).toEqual([[false, false], [true, false], [true, false]]);
});
