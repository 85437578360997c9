// What a time chart consists of, free of the library that draws it.
export interface Series {
  label: string;
  /** Token name: colours are read from the variables at every draw. */
  colour: string;
  values: (number | null)[];
  kind: 'step' | 'line' | 'bars';
  dash?: number[];
  width?: number;
  /** Bars live on the volume scale in the lower part. */
  scale?: 'y' | 'volume';
  /** Shade between this and the series of that index. */
  band?: { to: number; alpha: 'a80' | 'a95' };
  /** Only an edge of a band: not drawn as a line. */
  edge?: boolean;
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
  /** Of the volume scale, on the right. */
  volumeUnit?: string;
  places?: number;
  zero?: boolean;
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
/** Labels of the volume scale, which is only as high as `most`: its highest one names the unit. */
export function volumeLabels(ticks: readonly number[], most: number, unit = ''): string[] {
  const top = ticks.findLastIndex((t) => t <= most);
  return ticks.map((t, i) => (i > top ? '' : `${t.toLocaleString('en-US')}${i === top && unit ? ` ${unit}` : ''}`));
}
/** What the labels of an upright axis need, so that none is cut off: prices that lie close together have long ones. */
export const axisWidth = (labels: readonly string[] | null): number => Math.max(52, ...(labels ?? []).map((l) => Math.ceil(l.length * 6.4) + 14));
