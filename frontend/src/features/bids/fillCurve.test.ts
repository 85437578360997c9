import { expect, it } from 'vitest';
import { HEIGHT, placeOf, type Point, WIDTH } from './fillCurve';

const TEXT = 'expected price 0.0585';
const y = (p: number) => HEIGHT - 6 - p * (HEIGHT - 12);
const curve = (...points: [x: number, p: number][]): Point[] => points.map(([x, p]) => ({ x, y: y(p) }));
/** Whether the curve runs through the box of the words. */
function meets(line: Point[], at: ReturnType<typeof placeOf>): boolean {
  const [left, right] = at.end ? [at.x - TEXT.length * 5.6, at.x] : [at.x, at.x + TEXT.length * 5.6];
  return line.slice(1).some((b, i) => {
    const a = line[i] as Point;
    return Array.from({ length: 200 }, (_, n) => ({ x: a.x + ((b.x - a.x) * n) / 199, y: a.y + ((b.y - a.y) * n) / 199 })).some((p) => p.x > left && p.x < right && p.y > at.y - 10 && p.y < at.y + 3);
  });
}

it('the words about the expected price never lie across the curve', () => {
  const rising: [number, number][] = [[4, 0.02], [80, 0.5], [150, 0.8], [220, 0.95], [300, 0.99], [330, 0.998]];
  const steep: [number, number][] = [[4, 0.02], [290, 0.5], [300, 0.8], [310, 0.95], [330, 0.998]];
  const early: [number, number][] = [[4, 0.02], [20, 0.5], [24, 0.99], [330, 0.998]];
  const falling = (points: [number, number][]): [number, number][] => points.map(([x, p]): [number, number] => [WIDTH - x, p]).reverse();
  for (const points of [rising, steep, early]) {
    for (const shape of [points, falling(points)]) {
      for (const x of [20, 80, 160, 170, 250, 300]) {
        const line = curve(...shape);
        const at = placeOf(line, x, TEXT, null);
        expect([JSON.stringify(shape), x, meets(line, at)]).toEqual([JSON.stringify(shape), x, false]);
      }
    }
  }
});
it('they stay inside the picture, and beside the line of the limit where they can', () => {
  const line = curve([4, 0.02], [330, 0.998]);
  for (const x of [5, 100, 160, 170, 200, 329]) {
    const at = placeOf(line, x, TEXT, null);
    expect(at.end ? at.x - TEXT.length * 5.6 : WIDTH - at.x - TEXT.length * 5.6).toBeGreaterThan(0);
  }
  expect(placeOf(curve([4, 0.99], [330, 0.99]), 160, TEXT, 200)).toMatchObject({ end: true });
});
