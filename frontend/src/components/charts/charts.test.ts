import { describe, expect, it } from 'vitest';
import { crosses, levels, scales, settle, ticks } from './crossing';
import { fanPoint, fanSeries, from } from './fan';
import { heatStep } from './Heat';
import { noPoint } from './Crossing';
import { apart, axisWidth, extent, floorText, partedAt, type Plot, placesOf, readable } from './plot';
import { linesOf, offsetText, room, timeTicks } from './span';

describe('crossing', () => {
  it('stacks demand downwards and supply upwards', () => {
    const list = [{ price: 1, quantity: 10 }, { price: 3, quantity: 5 }];
    expect(levels(list, 'down').map((l) => [l.price, l.from, l.to])).toEqual([[3, 0, 5], [1, 5, 15]]);
    expect(levels(list, 'up').map((l) => [l.price, l.from, l.to])).toEqual([[1, 0, 10], [3, 10, 15]]);
  });
  it('keeps the crossing in view when one limit is far out', () => {
    const s = scales({ demand: levels([{ price: 1000, quantity: 1 }, { price: 1, quantity: 9 }], 'down'), supply: [], price: 1, quantity: 5, width: 500, height: 250 });
    expect(s.maxPrice).toBeLessThan(3);
  });
  it('survives an empty book', () => {
    const s = scales({ demand: [], supply: [], price: 0, quantity: 0, width: 500, height: 250 });
    expect(Number.isFinite(s.y(0)) && Number.isFinite(s.x(0))).toBe(true);
  });
  it('labels round numbers', () => expect(ticks(2.6, 5)).toEqual([0, 1, 2]));
});

describe('fan', () => {
  const points = [1, 2].map((t) => fanPoint(t, { '0.025': 1, '0.1': 2, '0.5': 3, '0.9': 4, '0.975': 5 }));
  it('opens where the history ends', () => expect(from([0, 3], points)[0]).toMatchObject({ t: 0, mid: 3, low95: 3 }));
  it('shades high to low, by index in the plot', () => {
    const series = fanSeries([1, 2], points, 3);
    expect(series[1]?.band?.to).toBe(5);
    expect(series[2]?.label).toBe('95 % low');
    expect(series[3]?.band?.to).toBe(7);
  });
});
it('heat: the reserve is the lightest step, twice it the darkest', () => expect([1, 1.15, 2, 9].map(heatStep)).toEqual([0, 1, 6, 6]));

describe('the point of a crossing', () => {
  const demand = levels([{ price: 3, quantity: 5 }, { price: 1, quantity: 10 }], 'down');
  const supply = levels([{ price: 0.5, quantity: 5 }, { price: 2, quantity: 10 }], 'up');
  it('lies on both curves: between the steps that meet there', () => {
    expect(crosses(demand, supply, 2, 5)).toBe(true);
    expect(crosses(demand, supply, 3, 3)).toBe(false);
    expect(crosses(demand, supply, 0.4, 5)).toBe(false);
  });
  it('past the end of a curve any price is on it that nobody undercuts', () => expect(crosses(levels([{ price: 1, quantity: 9 }], 'down'), levels([{ price: 0.7, quantity: 1 }], 'up'), 1, 1)).toBe(true));
  it('is nowhere without a trade', () => expect(crosses(demand, supply, 2, 0)).toBe(false));
});

describe('what is said where nothing was traded', () => {
  const step = (price: number, way: 'up' | 'down') => levels([{ price, quantity: 5 }], way);
  it('tells prices apart that lie close together', () => {
    expect(noPoint(step(0.432, 'down'), step(0.43205, 'up'), 0, 0, 'cores')).toContain('the best bid, 0.43200, is under the cheapest offer, 0.43205.');
    expect(noPoint(step(0.4, 'down'), step(0.5, 'up'), 0, 0, 'cores')).toContain('0.4000, is under the cheapest offer, 0.5000');
  });
  it('has as many digits as two prices need, and never shows something as nothing', () => {
    expect(apart(0.432, 0.432)).toEqual(['0.4320', '0.4320']);
    expect(apart(0.432000001, 0.432)).toEqual(['0.432000001', '0.432000000']);
    expect(apart(0.00001)).toEqual(['0.00001']);
    expect(apart(0, 1)).toEqual(['0.0000', '1.0000']);
  });
});

describe('labels', () => {
  const frame = { x: 0, y: 0, width: 100, height: 100 };
  const box = (x: number, y: number) => ({ x, y, width: 30, height: 10 });
  it('take the first free place inside the frame', () => {
    const taken = [box(10, 10)];
    expect(settle([box(15, 12), box(95, 50)], taken, frame)).toMatchObject({ x: 70, y: 50 });
    expect(taken).toHaveLength(2);
  });
});

describe('ticks', () => {
  it('have the decimals of their step', () => {
    expect([1, 0.5, 0.25, 0.1, 0.005, 0.002, 20].map(placesOf)).toEqual([0, 1, 2, 1, 3, 3, 0]);
    expect(readable(0.0034, 2)).toBe('0.0034');
  });
  it('have the room of their longest label', () => {
    expect(axisWidth(null)).toBe(axisWidth(['0.90']));
    expect(axisWidth(['0.90', '0.9000002'])).toBeGreaterThan(9 * 6.4);
  });
  it('of a short time are different, and say how far from the start', () => {
    const words = timeTicks(0, 80, 6).map(offsetText);
    expect(new Set(words).size).toBe(words.length);
    expect(words.slice(0, 3)).toEqual(['+0 ms', '+20 ms', '+40 ms']);
    expect(timeTicks(0, 10_000, 5)).toEqual([0, 2000, 4000, 6000, 8000, 10_000]);
    expect([1500, 150_000, 7_200_000].map(offsetText)).toEqual(['+1.5 s', '+2 min 30 s', '+2 h']);
  });
});

describe('what is said of a phase', () => {
  const said = '4 ms · source stopped; 2 KiB changed since the snapshot';
  it('is broken into lines that fit, and nothing of it is left out', () => {
    const lines = linesOf(said, 200);
    expect(lines.length).toBeGreaterThan(1);
    expect(lines.join(' ')).toBe(said);
    for (const line of lines) expect(room(line)).toBeLessThanOrEqual(200);
    expect(linesOf(said, 400)).toEqual([said]);
    expect(linesOf('', 200)).toEqual([]);
  });
  it('is broken within a word where that alone is too long', () => {
    const lines = linesOf(`at ${'x'.repeat(50)}`, 120);
    expect(lines.join(' ').replaceAll(' ', '')).toBe(`at${'x'.repeat(50)}`);
    for (const line of lines) expect(room(line)).toBeLessThanOrEqual(120);
  });
});

describe('an upright axis', () => {
  const plot = (values: (number | null)[], more: Partial<Plot> = {}): Plot => ({ unit: '', x: values.map((_, i) => i), series: [{ label: 'a', colour: 's1', kind: 'step', values }], ...more });
  it('that does not begin at 0 says where it begins', () => {
    expect(floorText(plot([0.9, null, 1.4]))).toBe('Axis begins at 0.86, not at 0');
    expect([floorText(plot([0.9, 1.4], { zero: true })), floorText(plot([0, 1])), floorText(plot([]))]).toEqual(['', '', '']);
  });
  it('is not negative where nothing is', () => expect(extent(plot([0.01, 1]))[0]).toBe(0));
});

it('prices of slots still open are a line of their own', () => {
  const [begun, open] = partedAt({ label: 'Price', colour: 'price', kind: 'step', values: [1, 2, 3, 3] }, [0, 60, 120, 180], 70, (t) => (t === 180 ? 120 : t));
  expect([begun?.values, begun?.ends, open?.values, open?.open]).toEqual([[1, 2, 2, null], 2, [null, null, 3, 3], true]);
  expect(partedAt({ label: 'Price', colour: 'price', kind: 'step', values: [1, 2, 2] }, [0, 60, 120], 90, (t) => (t === 120 ? 60 : t))).toHaveLength(1);
});
