// Fixtures are told relative to the start of the mock, on a five-minute grid.
export const SLOT = 300_000;
export const ROUND = 10_000;
export const START = Date.now();
export const SLOT_NOW = Math.floor(START / SLOT) * SLOT;
export const iso = (ms: number) => new Date(ms).toISOString().replace('.000Z', 'Z');
export const ago = (seconds: number) => iso(START - seconds * 1000);
export const slotAt = (n: number) => iso(SLOT_NOW + n * SLOT);
export const roundNow = () => 948_212 + Math.floor((Date.now() - START) / ROUND);
export const dec = (value: number, places: 6 | 9) => value.toFixed(places);
export const list = <T>(data: T[]) => ({ object: 'list' as const, data, has_more: false, next_cursor: null });
/** A small generator with a fixed seed: the same picture in every run. */
export function chance(seed: number) {
  let s = seed;
  return () => { s = (s * 1_664_525 + 1_013_904_223) % 4_294_967_296; return s / 4_294_967_296; };
}
