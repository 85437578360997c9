import { describe, expect, it } from 'vitest';
import { levels, scales, ticks } from './crossing';
import { fanPoint, fanSeries, from } from './fan';
import { heatStep } from './Heat';

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
