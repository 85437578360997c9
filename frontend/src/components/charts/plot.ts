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
}
