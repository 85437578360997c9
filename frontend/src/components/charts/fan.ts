// Forecast quantiles as series: median dashed, 80 and 95 % bands, always in the forecast colour.
import type { Series } from './plot';

export interface FanPoint { t: number; mid: number; low80?: number; high80?: number; low95?: number; high95?: number }

/** Reads `{"0.1": …}` style quantiles; a level that is missing leaves its band out. */
export function fanPoint(t: number, q: Record<string, number>, scale = 1): FanPoint {
  const at = (...names: string[]) => { const n = names.find((x) => q[x] !== undefined); return n === undefined ? undefined : (q[n] as number) * scale; };
  return {
    t, mid: at('0.5', '0.50', 'q0.5') ?? 0,
    low80: at('0.1', '0.10', 'q0.1'), high80: at('0.9', '0.90', 'q0.9'),
    low95: at('0.025', 'q0.025'), high95: at('0.975', 'q0.975'),
  };
}

/** The fan opens at the last measured value: what comes is told from what is known. */
export function from(start: [t: number, value: number] | undefined, points: FanPoint[]): FanPoint[] {
  const ahead = start ? points.filter((p) => p.t > start[0]) : points;
  if (!start || ahead.length === 0) return ahead;
  const [t, mid] = start;
  return [{ t, mid, low80: mid, high80: mid, low95: mid, high95: mid }, ...ahead];
}

/** `first` is the index that the first of these series will have in the plot. */
export function fanSeries(x: number[], points: FanPoint[], first: number): Series[] {
  const by = new Map(points.map((p) => [p.t, p]));
  const line = (pick: (p: FanPoint) => number | undefined) => x.map((t) => { const p = by.get(t); return p ? (pick(p) ?? null) : null; });
  const edge = (label: string, pick: (p: FanPoint) => number | undefined, band?: Series['band']): Series =>
    ({ label, colour: 'forecast', kind: 'line', values: line(pick), edge: true, band });
  return [
    { label: 'Forecast, median', colour: 'forecast', kind: 'line', dash: [4, 3], values: line((p) => p.mid) },
    edge('95 % high', (p) => p.high95, { to: first + 2, alpha: 'a95' }),
    edge('95 % low', (p) => p.low95),
    edge('80 % high', (p) => p.high80, { to: first + 4, alpha: 'a80' }),
    edge('80 % low', (p) => p.low80),
  ];
}
