// The sentence of a simulation reads well whether or not anything was bought, before and after.
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Figures, Simulated } from '@/lib/api';
import { simulated } from '@/mocks/simulation';
import { SimulationPanel } from './SimulationPanel';
import type { Simulation } from './useSimulation';

afterEach(cleanup);
const base = simulated('fra1-gp', { resource: 'cpu_milli', steps: [], rounds: 2 });
const nothing: Figures = { ...base.before, operator_revenue: '0.000000', revenue: '0.000000', operator_volume: 0, volume: 0, price: null };
/** Other resources are sold, though nothing of this one. */
const others: Figures = { ...nothing, operator_revenue: base.before.operator_revenue, revenue: base.before.revenue };

function sentence(before: Figures, after: Figures): string {
  const data: Simulated = { ...base, before, after, band: [], priced_out: [], priced_out_total: 0 };
  render(<SimulationPanel of={{ isPending: false, error: null, data } as unknown as Simulation} />);
  const text = screen.getByRole('status').textContent ?? '';
  cleanup();
  return text.replace('In these 2 rounds the operator would have sold ', '');
}

it('compares two prices where something was bought in both cases', () => {
  expect(sentence(base.before, base.after)).toBe('21\u2009% less of it and taken 4\u2009% less in all, at a mean price of 1.1500 instead of 0.9500 credits a core and slot. Nobody gets less.');
});
it('names no price where nothing was bought in either', () => {
  expect(sentence(nothing, nothing)).toBe('nothing of it either way and taken nothing in all either way. Nothing of it was bought, so it has no mean price, before or after. Nobody gets less.');
  expect(sentence(others, others)).toBe('nothing of it either way and taken as much in all. Nothing of it was bought, so it has no mean price, before or after. Nobody gets less.');
});
it('names the one price that there is', () => {
  expect(sentence(nothing, base.after)).toBe('something of it instead of nothing and taken something in all instead of nothing, at a mean price of 1.1500 credits a core and slot; before, nothing of it was bought. Nobody gets less.');
  expect(sentence(base.before, nothing)).toBe('nothing of it any more and taken nothing in all any more. Nothing of it would have been bought any more; before, its mean price was 0.9500 credits a core and slot. Nobody gets less.');
});
