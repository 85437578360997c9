import { expect, it } from 'vitest';
import type { SeriesForecast } from '@/lib/api';
import { overall, rowsOf } from './accuracy';

const series = (scored: number, coverage: number | null): SeriesForecast => ({
  instance: 'ins_1', resource: 'cpu_milli', model: 'm', issued_at: '', samples: 0, rejected_samples: 0, points: [],
  accuracy: [{ horizon_slots: 1, scored, coverage_80: coverage, coverage_95: coverage, mean_pinball: 2, mean_absolute_error: 4 }],
});

it('weights by what was scored and leaves out what was not', () => {
  const rows = rowsOf([series(300, 0.9), series(100, 0.5), series(0, null)]);
  expect(rows).toHaveLength(1);
  expect(rows[0]).toMatchObject({ scored: 400, in80: 0.8, pinball: 2 });
  expect(overall(rows)?.in95).toBeCloseTo(0.8);
  expect(overall([])).toBeNull();
});
