import { describe, expect, it } from 'vitest';
import type { Explain, RoundPrice } from '@/lib/api';
import { orders } from '@/mocks/orders';
import { missText } from './order';
import { aboutText, changeText, fullText, headOf, leftOver, reserveOf, rulerOf, sentenceOf, shortOf, surety, untraded, upToDate, winningOf } from './why';

const explain = (more: Partial<Explain>): Explain => ({
  order: 'bid_1', status: 'open', reason: 'OUT_OF_MONEY', sentence: 'Said by the server.', round: 7, limit: '1.000000', price_faced: null, shortfall: null,
  minimum_winning_limit: { value: '2.000000', quality: 'bound' }, maximum_winning_limit: null, changes: [], ...more,
});
const [bid] = orders;
if (!bid) throw new Error('no fixture');

describe('the limit that would have won', () => {
  it('is a bound unless the server says that it is exact', () => {
    for (const given of [explain({}), explain({ minimum_winning_limit: { value: '2.000000', quality: 'another' } })]) {
      const w = winningOf(given, 'bid');
      expect(w).toEqual({ value: '2.000000', exact: false });
      expect(w && aboutText(w, 'bid', '2.00')).toBe('at least about 2.00');
      expect(w && surety(w, 'bid')).toBe('a bound: a higher price may follow');
    }
    const sure = winningOf(explain({ minimum_winning_limit: { value: '2.000000', quality: 'exact' } }), 'bid');
    expect(sure && [aboutText(sure, 'bid', '2.00'), surety(sure, 'bid')]).toEqual(['2.00', 'sure to have won, and the least that was']);
  });
  it('of an offer is the most, and its own field', () => {
    expect(winningOf(explain({}), 'offer')).toBeNull();
    const w = winningOf(explain({ minimum_winning_limit: null, maximum_winning_limit: { value: '0.5', quality: 'bound' } }), 'offer');
    expect(w && [aboutText(w, 'offer', '0.50'), surety(w, 'offer')]).toEqual(['at most about 0.50', 'a bound: a lower price may follow']);
  });
  it('says how little it wins, and where it was found if not in the round that refused', () => {
    const of = (more: object) => winningOf(explain({ round: 7, minimum_winning_limit: { value: '2.000000', quality: 'exact', ...more } }), 'bid');
    expect(of({ round: 7, part: '1.000000', whole: '2.000000' })).toEqual({ value: '2.000000', exact: true });
    const small = of({ round: 9, part: '0.054444', whole: '3.000000' });
    expect(small).toEqual({ value: '2.000000', exact: true, percent: '5.4 %', round: 9 });
    expect(small && surety(small, 'bid')).toBe('round 9: sure to have won, and the least that was');
    expect(of({ part: '0.000044' })?.percent).toBe('under 0.1 %');
  });
});

describe('where its limit buys nothing', () => {
  const marginal = explain({ reason: 'TIE' });
  it('who got nothing is not told that a part was left for them', () => {
    const none = { ...bid, status: 'open', awarded: '0.000000' };
    expect(missText(none, 'TIE')).toBe('nothing to be had at its limit');
    expect(missText({ ...none, side: 'offer' }, 'TIE')).toBe('nobody to buy at its limit');
    // A price that nobody paid may be far from it: nothing is said of that.
    for (const said of [sentenceOf(none, marginal), sentenceOf(none, marginal, { mine: true, none: Object.keys(none.resources) })]) expect(said).not.toMatch(/price is|own limit|best bid/);
    expect(sentenceOf(none, marginal)).toBe('Nothing was to be had at its limit: others came first, or nobody sells for so little.');
    expect(sentenceOf({ ...none, side: 'offer' }, marginal)).toMatch(/^Nobody was left to buy at its limit/);
  });
  it('who got a part is', () => {
    const part = { ...bid, status: 'partially_filled', awarded: '1.000000' };
    expect(missText(part, 'TIE')).toBe('at the price, no more was left');
    expect(sentenceOf(part, marginal)).toBe('Said by the server.');
  });
});

describe('under what is asked for, with capacity left', () => {
  const order = { ...bid, status: 'open', awarded: '0.000000', resources: { cpu_milli: 1000, mem_mib: 1024 }, pools: [{ pool: 'p', adder: '0' }], window: { start_at: '2026-11-20T10:00:00Z', end_at: '2026-11-20T10:05:00Z' } };
  const price = (resource: string, volume: number, supply: number) => ({ pool: 'p', resource, slot: '2026-11-20T10:00:00Z', volume, supply }) as RoundPrice;
  const left = (...prices: RoundPrice[]) => ({ none: untraded(order, prices), free: leftOver(order, prices) });
  const marginal = explain({ reason: 'TIE' });
  it('is not said to have been sold out', () => {
    for (const of of [left(price('cpu_milli', 0, 9), price('mem_mib', 0, 9)), left(price('cpu_milli', 0, 0), price('mem_mib', 0, 0)), left(price('cpu_milli', 5, 9), price('mem_mib', 5, 9))]) {
      expect(headOf(order, 'TIE', of)).toBe('under the cheapest offer');
      expect(sentenceOf(order, marginal, { mine: true, ...of })).not.toContain('others came first');
    }
    expect(headOf({ ...order, side: 'offer' }, 'TIE', { none: ['cpu_milli', 'mem_mib'], free: false })).toBe('over the best bid');
  });
  it('where something was sold out, or the round is not known, it is', () => {
    for (const of of [left(price('cpu_milli', 9, 9), price('mem_mib', 5, 9)), left()]) expect(headOf(order, 'TIE', of)).toBe('nothing to be had at its limit');
    expect(headOf({ ...order, status: 'partially_filled', awarded: '1.000000' }, 'TIE', { none: [], free: true })).toBe('at the price, no more was left');
  });
});

describe('the price that a bid was under', () => {
  const order = { ...bid, resources: { cpu_milli: 1000, mem_mib: 1024 }, pools: [{ pool: 'p', adder: '0' }], window: { start_at: '2026-11-20T10:00:00Z', end_at: '2026-11-20T10:05:00Z' } };
  const price = (resource: string, volume: number, slot = '2026-11-20T10:00:00Z', pool = 'p') => ({ pool, resource, slot, volume }) as RoundPrice;
  const e = explain({ limit: '0.050000', price_faced: '0.144000', shortfall: '0.094000' });
  it('is not said to have been paid', () => {
    expect(sentenceOf(order, e)).toBe('Short by 0.094 cr: the price for it was 0.144 cr, and its limit is 0.05 cr.');
    expect(sentenceOf(order, explain({ ...e, slots: 2 }))).toContain('the price for the nearest of the runs that it takes, of 2 slots, was');
  });
  it('and where nothing was traded at it, that is said', () => {
    const none = untraded(order, [price('cpu_milli', 0), price('mem_mib', 5), price('cpu_milli', 9, '2026-11-20T10:05:00Z'), price('cpu_milli', 9, undefined, 'another')]);
    expect(none).toEqual(['cpu_milli']);
    expect(sentenceOf(order, e, { mine: true, none })).toMatch(/ No CPU was traded at that price\.$/);
    expect(untraded(order, [])).toEqual([]);
  });
  it('of somebody else’s order is not the reader’s', () => {
    expect(sentenceOf({ ...order, side: 'offer' }, e, { mine: false, none: [] })).toMatch(/^It asked/);
  });
});

describe('what was missing', () => {
  const short = { limit: '0.200000', price_faced: '0.864000', shortfall: '0.664000' };
  it('goes to what would have won, not to the best bid among those that do not trade', () => {
    const e = explain({ ...short, minimum_winning_limit: { value: '1.080000', quality: 'exact' } });
    expect(shortOf(e, 'bid', 10)).toEqual({ perSlot: 88_000n, exact: true });
  });
  it('is at least the distance to the price where only a bound is known', () => {
    const bound = (value: string) => explain({ ...short, minimum_winning_limit: { value, quality: 'bound' } });
    expect(shortOf(bound('1.080000'), 'bid', 10)).toEqual({ perSlot: 88_000n, exact: false });
    expect(shortOf(bound('0.500000'), 'bid', 10)).toEqual({ perSlot: 66_400n, exact: true });
  });
  it('of an offer goes down', () => {
    const e = explain({ limit: '1.000000', shortfall: '0.100000', minimum_winning_limit: null, maximum_winning_limit: { value: '0.800000', quality: 'exact' } });
    expect(shortOf(e, 'offer', 2)).toEqual({ perSlot: 100_000n, exact: true });
  });
  it('is nothing where nothing was', () => {
    expect(shortOf(explain({}), 'bid', 10)).toBeNull();
    expect(shortOf(explain({ shortfall: '0.000000' }), 'bid', 10)).toBeNull();
  });
});

describe('where nothing was traded', () => {
  const order = { ...bid, status: 'open', awarded: '0.000000', replicas: 1, remaining_replicas: 1, resources: { cpu_milli: 400 }, remaining: { cpu_milli: 400 }, limit: '0.200000', pools: [{ pool: 'p', adder: '0' }, { pool: 'dear', adder: '0' }], window: { start_at: '2026-11-20T10:00:00Z', end_at: '2026-11-20T10:05:00Z' } };
  const price = (pool: string, reserve: string | null) => ({ pool, resource: 'cpu_milli', slot: '2026-11-20T10:00:00Z', volume: 0, supply: 9, reserve }) as RoundPrice;
  const e = explain({ limit: '0.200000', price_faced: '0.288000', shortfall: '0.088000', minimum_winning_limit: { value: '0.360000', quality: 'exact' } });
  const bound = { ...e, minimum_winning_limit: { value: '0.288000', quality: 'bound' } };
  const left = { mine: true, none: ['cpu_milli'], free: true };
  it('an order is not measured by a price that nobody paid', () => {
    expect(sentenceOf(order, e, left)).toBe('Nothing was traded: whoever sells asks for more than any bid offers. From 0.36 cr on it would have won, and its limit is 0.20 cr.');
    expect(shortOf(e, 'bid', 1, false)).toEqual({ perSlot: 160_000n, exact: true });
    expect(rulerOf(order, e, 1, ['cpu_milli'])).toEqual({ limit: 200_000n, price: null, wins: 360_000n, exact: true });
  });
  it('it is measured by what the operator asks, in the cheapest of its pools, where that is known', () => {
    const from = reserveOf(order, [price('p', '0.000900000'), price('dear', '0.002000000')]);
    expect(from).toBe(360_000n);
    expect(sentenceOf(order, bound, { ...left, from })).toBe('Nothing was traded: the operator sells all of it from 0.36 cr on, and its limit is 0.20 cr.');
    expect(reserveOf(order, [price('p', null), price('dear', '0.002000000')])).toBe(800_000n);
    expect(reserveOf(order, [price('p', null)])).toBeNull();
    expect(sentenceOf(order, bound, left)).toBe('Nothing was traded: whoever sells asks for more than any bid offers, and its limit is 0.20 cr.');
  });
  it('no more is promised to win than is known', () => {
    expect(shortOf(bound, 'bid', 1, false)).toEqual({ perSlot: 88_000n, exact: false });
    expect(shortOf({ ...e, minimum_winning_limit: null }, 'bid', 1, false)).toBeNull();
    expect(headOf(order, 'OUT_OF_MONEY', left)).toBe('under the cheapest offer');
  });
});

describe('an order of which a part was won', () => {
  const part = { ...bid, status: 'partially_filled', replicas: 1, awarded: '0.420000', limit: '0.600000', resources: { cpu_milli: 500 } };
  it('is drawn for a reason of price alone, against its own limit', () => {
    const rest = explain({ reason: 'NO_HOST', limit: '0.039600', price_faced: '0.000000', minimum_winning_limit: null });
    expect(rulerOf(part, rest, 1, [])).toBeNull();
    const dear = explain({ limit: '0.060000', price_faced: '0.090000', shortfall: '0.030000', minimum_winning_limit: null });
    expect(rulerOf(part, dear, 1, [])).toEqual({ limit: 600_000n, price: 900_000n, wins: null, exact: false });
    expect(sentenceOf(part, dear)).toContain('its part of the limit that is left is 0.06 cr');
  });
  it('is told of it and of no replica, in the units of the page', () => {
    expect(missText(part, 'NO_HOST')).toBe('no node has room for the rest');
    expect(missText({ ...part, awarded: '0.000000' }, 'NO_HOST')).toBe('no node has room for it');
    expect(missText({ ...part, awarded: '0.000000', replicas: 3 }, 'NO_HOST')).toBe('no node has room for a replica');
    const said = explain({ reason: 'NO_HOST', sentence: 'The bid itself forbids the move (`no_displacement`): no room. fra1-gp-a came nearest and had too little cpu_milli. Of it 1200 cpu_milli a slot came from your own bid_1 before a round, for nothing.' });
    expect(sentenceOf(part, said)).toBe('The bid itself forbids the move: no room. fra1-gp-a came nearest and had too little CPU. Of it 1.2 cores a slot came from your own bid_1 before a round, for nothing.');
    expect(['Ask for less, or for more and smaller replicas', 'Accept a partial fill (min_fill "0")'].map((text) => changeText(part, text))).toEqual(['Ask for less', 'Accept a partial fill']);
    expect(changeText({ ...part, replicas: 2 }, 'Ask for less, or for more and smaller replicas')).toContain('replicas');
  });
  it('has no reason any more once it is filled', () => {
    const before = explain({ status: 'partially_filled', price_faced: '1.000000', changes: [{ change: 'Raise the limit', limit: '2', helps: true }] });
    expect(upToDate({ ...part, status: 'filled' }, before)).toMatchObject({ reason: null, price_faced: null, changes: [], sentence: 'It won all that it asked for.' });
    expect(upToDate(part, before)).toBe(before);
  });
});

describe('a full node', () => {
  const order = { ...bid, replicas: 1, resources: { cpu_milli: 1000 } };
  const dear = explain({ limit: '0.050000', price_faced: '0.144000', shortfall: '0.094000', binding_node: 'fra1-gp-14', binding_resource: 'cpu_milli' });
  it('is named where its premium made the price, and where nothing had room', () => {
    expect(sentenceOf(order, dear)).toBe('Short by 0.094 cr: the price for it was 0.144 cr, and its limit is 0.05 cr. Node fra1-gp-14 is full of CPU: what lies there pays a premium on top of the pool’s price.');
    expect(sentenceOf({ ...order, side: 'offer' }, dear)).toContain('Node fra1-gp-14 is full of CPU');
    expect(sentenceOf(order, explain({ reason: 'NO_HOST', binding_node: 'fra1-gp-14' }))).toBe('Said by the server. Node fra1-gp-14 is full and came nearest.');
  });
  it('is not named twice, nor for another reason', () => {
    expect(sentenceOf(order, explain({ reason: 'NO_HOST', sentence: 'fra1-gp-14 came nearest.', binding_node: 'fra1-gp-14' }))).toBe('fra1-gp-14 came nearest.');
    expect([fullText({ ...dear, reason: 'TIE' }, ''), fullText({ ...dear, binding_node: null }, '')]).toEqual(['', '']);
  });
});
