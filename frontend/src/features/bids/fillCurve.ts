// Where the curve of a ticket's chances runs, and where beside it there is room for words.
export interface Point { x: number; y: number }
export interface Place { x: number; y: number; end: boolean }

export const WIDTH = 334;
export const HEIGHT = 56;
/** Of a label in the axes' font: what its characters need at most, and how far it reaches over and under its baseline. */
const CHAR = 6.2;
const [OVER, UNDER] = [10, 3];
/** How far from the upright its words begin; the nearer the better. */
const GAPS = [4, 16, 28, 40];
/** The baselines of the upper and the lower line of words. */
const [TOP, BOTTOM] = [11, HEIGHT - 8];
const STEP = 2;

/** The height of the curve at a place, between its points. */
function heightAt(curve: Point[], x: number): number | null {
  const i = curve.findIndex((p, n) => n > 0 && p.x >= x && (curve[n - 1] as Point).x <= x);
  if (i < 0) return null;
  const [a, b] = [curve[i - 1] as Point, curve[i] as Point];
  return a.x === b.x ? b.y : a.y + ((b.y - a.y) * (x - a.x)) / (b.x - a.x);
}

/** How much of the curve runs through a label there, and through the upright line of the limit. */
function covered(curve: Point[], line: number | null, place: Place, length: number): number {
  const left = place.end ? place.x - length : place.x;
  const hits = (x: number) => { const y = heightAt(curve, x); return y !== null && y > place.y - OVER - 1 && y < place.y + UNDER + 1; };
  const count = Array.from({ length: Math.ceil(length / STEP) + 1 }, (_, i) => left + i * STEP).filter(hits).length;
  return 4 * count + (line !== null && line > left - 2 && line < left + length + 2 ? 1 : 0);
}

/** Beside the upright at `x`, on the side and in the line where the curve is not, and the limit is not if that can be. */
export function placeOf(curve: Point[], x: number, text: string, line: number | null): Place {
  const length = text.length * CHAR;
  const places = GAPS.flatMap((gap) => [false, true].flatMap((end) => [BOTTOM, TOP].map((y): Place => ({ x: x + (end ? -gap : gap), y, end }))));
  const inside = places.filter((p) => (p.end ? p.x - length >= 0 : p.x + length <= WIDTH));
  const [best] = (inside.length > 0 ? inside : places).map((place) => ({ place, cost: covered(curve, line, place, length) })).sort((a, b) => a.cost - b.cost);
  return (best as { place: Place }).place;
}
