// What a time chart consists of, free of the library that draws it.
/** Of what may still change; no other line is dotted so. */
export const OPEN_DASH = [1, 4];

export interface Series {
  label: string;
  /** Token name: colours are read from the variables at every draw. */
  colour: string;
  values: (number | null)[];
  kind: 'step' | 'line' | 'bars';
  dash?: number[];
  width?: number;
  /** Shade between this and the series of that index. */
  band?: { to: number; alpha: 'a80' | 'a95' };
  /** Only an edge of a band: not drawn as a line. */
  edge?: boolean;
  /** Of slots that are still traded, whose prices may change: dotted. */
  open?: boolean;
  /** The place at which its last slot ends: a value there draws the line to its end and is none of the next slot. */
  ends?: number;
  /** Where there is no value nothing is drawn; otherwise the last one holds until the next. */
  gaps?: boolean;
}
export interface Plot {
  /** Unix seconds. */
  x: number[];
  series: Series[];
  now?: number;
  /** Values tagged on the right axis. */
  tags?: { value: number; text: string; colour: string; on: string }[];
  /** Own fills: marked under the line with their size. */
  marks?: { x: number; y: number; text: string }[];
  window?: [number, number];
  unit: string;
  places?: number;
  zero?: boolean;
  /** Of several charts under each other, which share their times: those with one name show the same moment under the pointer. */
  pane?: string;
  /** Not the uppermost of them: Now is named there. */
  lower?: boolean;
}

/** What the upright axis spans. */
export function extent(plot: Plot): [number, number] {
  const all = plot.series.flatMap((s) => s.values.filter((v): v is number => v !== null));
  const values = [...all, ...(plot.tags ?? []).map((t) => t.value)];
  if (values.length === 0) return [0, 1];
  const low = plot.zero ? Math.min(0, ...values) : Math.min(...values);
  const high = Math.max(...values);
  const pad = (high - low || high || 1) * 0.08;
  // Nothing that is not negative has an axis that is.
  return [low < 0 ? low - pad : Math.max(0, low - pad), high + pad];
}
/** What is said of an axis that does not begin at 0; nothing of one that does. */
export function floorText(plot: Plot): string {
  const [low] = extent(plot);
  return low > 0 ? `Axis begins at ${readable(low, plot.places ?? 2)}, not at 0` : '';
}

/** One line as two: what has begun, and what is still traded from that moment on. `slotOf`: the slot that a time belongs to; that one ends where none follows. */
export function partedAt(series: Series, x: number[], begins: number, slotOf: (t: number) => number): Series[] {
  const isOpen = (t: number) => slotOf(t) >= begins;
  const open = { ...series, label: `${series.label} so far, slot still open`, open: true, values: series.values.map((v, i) => (isOpen(x[i] as number) ? v : null)) };
  const begun = { ...series, values: series.values.map((v, i) => (isOpen(x[i] as number) ? null : v)) };
  const ends = open.values.findIndex((v) => v !== null);
  if (ends < 0) return [begun];
  const last = begun.values[ends - 1] ?? null;
  return [last === null ? begun : { ...begun, ends, values: begun.values.with(ends, last) }, open];
}

/** All of a plot that its options are made from: while it is the same, new values only are drawn. */
export const shapeOf = (plot: Plot): string => JSON.stringify([!!plot.tags?.length, plot.series.map((s) => ({ ...s, values: undefined }))]);

/** Where each slot begins, and where one ends after which none follows: a price that holds for its slot has an end there. */
export function slotEdges(starts: number[], slotSeconds: number): number[] {
  const all = new Set(starts);
  return [...new Set(starts.flatMap((t) => (all.has(t + slotSeconds) ? [t] : [t, t + slotSeconds])))].sort((a, b) => a - b);
}

/** Decimals that tell two ticks apart that are this far from each other. */
export const placesOf = (step: number): number => (step > 0 && Number.isFinite(step) ? Math.min(9, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9) + (decimalOf(step) ? 1 : 0))) : 0);
/** 0.25 needs a digit more than 0.2. */
function decimalOf(step: number): boolean {
  const lead = step / 10 ** Math.floor(Math.log10(step) + 1e-9);
  return Math.abs(lead - Math.round(lead)) > 1e-6;
}
/** Prices side by side: four digits, or as many as tell them apart and from nothing. */
export function apart(...prices: number[]): string[] {
  const different = new Set([...prices, 0]).size;
  for (let places = 4; places < 9; places += 1) {
    const texts = prices.map((p) => p.toFixed(places));
    if (new Set([...texts, (0).toFixed(places)]).size === different) return texts;
  }
  return prices.map((p) => p.toFixed(9));
}
/** A value in a tooltip: small ones keep digits that say something. */
export const readable = (value: number, places: number): string => {
  const digits = value !== 0 && Math.abs(value) < 0.1 ? Math.max(4, places) : places;
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 4) });
};
/** What the labels of an upright axis need, so that none is cut off: prices that lie close together have long ones. */
export const axisWidth = (labels: readonly string[] | null): number => Math.max(52, ...(labels ?? []).map((l) => Math.ceil(l.length * 6.4) + 14));
