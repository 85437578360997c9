// From the series' records to rows by resource and horizon, weighted by how many were scored.
import type { SeriesForecast } from '@/lib/api';

export interface Row { key: string; resource: string; horizon: number; model: string; scored: number; in80: number; in95: number; pinball: number; error: number }

export function rowsOf(series: SeriesForecast[]): Row[] {
  const rows = new Map<string, Row>();
  for (const s of series) {
    for (const a of s.accuracy) {
      if (a.scored === 0) continue;
      const key = `${s.resource}/${a.horizon_slots}/${s.model}`;
      const row = rows.get(key) ?? { key, resource: s.resource, horizon: a.horizon_slots, model: s.model, scored: 0, in80: 0, in95: 0, pinball: 0, error: 0 };
      const all = row.scored + a.scored;
      const mix = (old: number, next: number | null) => (old * row.scored + (next ?? 0) * a.scored) / all;
      rows.set(key, { ...row, scored: all, in80: mix(row.in80, a.coverage_80), in95: mix(row.in95, a.coverage_95), pinball: mix(row.pinball, a.mean_pinball), error: mix(row.error, a.mean_absolute_error) });
    }
  }
  return [...rows.values()].sort((a, b) => a.resource.localeCompare(b.resource) || a.horizon - b.horizon);
}

/** Over all of them: what share of the truths lay inside. */
export function overall(rows: Row[]): { scored: number; in80: number; in95: number } | null {
  const scored = rows.reduce((s, r) => s + r.scored, 0);
  if (scored === 0) return null;
  const mean = (of: (r: Row) => number) => rows.reduce((s, r) => s + of(r) * r.scored, 0) / scored;
  return { scored, in80: mean((r) => r.in80), in95: mean((r) => r.in95) };
}
