// On a phone too all that is said of a phase can be read: in as many lines as it takes.
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { type Bar, Gantt } from './Gantt';

const wide = vi.hoisted(() => ({ px: 332 }));
vi.mock('@/lib/useWidth', () => ({ useWidth: () => [{ current: null }, wide.px] }));
afterEach(cleanup);

const at = Date.parse('2026-11-26T20:00:00Z');
const bar = (label: string, from: number, to: number, detail: string): Bar => ({ label, start: at + from, end: at + to, detail, kind: 'done' });
const bars = [bar('Transfer', 0, 1, '2.3 KiB sent, compressed and hash-checked'), bar('Mirror, compare', 1, 9800, '20 inputs gave the same outputs and the same state'), bar('Fence source', 9800, 9804, 'source stopped; 2 KiB changed since the snapshot'), { label: 'Done', start: null, end: null, kind: 'planned' as const }];
const show = (px: number, all = bars) => { wide.px = px; return render(<Gantt bars={all} now={at + 9804} />).container; };

for (const px of [300, 332, 700, 1260]) {
  it(`says all of it at ${px} px, within its edges and one under the other`, () => {
    const { textContent: text } = show(px);
    expect(text).not.toContain('…');
    const said = [...document.querySelectorAll('text.ax')].map((t) => [...t.querySelectorAll('tspan')].map((l) => l.textContent).join(' '));
    for (const b of bars) expect(said.some((s) => s.includes(b.detail ?? 'not reached')), b.label).toBe(true);
    for (const line of document.querySelectorAll('tspan')) {
      const [x, length] = [Number(line.getAttribute('x')), (line.textContent ?? '').length * 5.9];
      if (line.parentElement?.getAttribute('text-anchor') === 'end') expect(x - length).toBeGreaterThanOrEqual(0);
      else expect(x + length).toBeLessThanOrEqual(px);
    }
    // The next phase begins under the last line of the one before.
    const lowest = [...document.querySelectorAll('g:has(text.lb)')].map((g) => [Number(g.querySelector('text.lb')?.getAttribute('y')), Math.max(...[...g.querySelectorAll('tspan')].map((l) => Number(l.getAttribute('y'))))] as const);
    for (const [i, [name]] of lowest.entries()) if (i > 0) expect(name).toBeGreaterThan(lowest[i - 1]?.[1] ?? 0);
  });
}

it('names that take more than half of the width have it under them', () => {
  show(200, [bar('a-workload-of-18-ch', 0, 10, 'Mirror, compare')]);
  const [name, said] = [document.querySelector('text.lb'), document.querySelector('tspan')];
  expect(said?.getAttribute('x')).toBe('8');
  expect(Number(said?.getAttribute('y'))).toBeGreaterThan(Number(name?.getAttribute('y')));
});
