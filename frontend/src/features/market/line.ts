// How a pool's line looks. It follows from the pool's place among all pools by name, so neither prices nor filters change it.
const COLOURS = 4;
const DASH = [undefined, [6, 3], [2, 3], [8, 3, 2, 3]];

/** Colour and dash together are a pool's own up to 16 pools: four of one colour have four dashes. */
export function lineOf(slug: string, pools: string[]): { colour: string; dash: number[] | undefined } {
  const at = Math.max(0, pools.toSorted().indexOf(slug));
  return { colour: `s${(at % COLOURS) + 1}`, dash: DASH[(at + Math.floor(at / COLOURS)) % DASH.length] };
}
