// What uPlot does not draw: the Now line, tags on the right axis, own fills, the order's window, and
// a tooltip that lists every pane at the cursor.
import type uPlot from 'uplot';
import { token } from '@/lib/theme';
import { clock, type Zone } from '@/lib/time';
import { extent, type Plot, readable } from './plot';

function paint(u: uPlot, plot: Plot, z: Zone) {
  const { ctx, bbox } = u;
  const k = devicePixelRatio;
  const font = (weight: number) => { ctx.font = `${weight} ${11 * k}px ${token('font')}`; };
  ctx.save();
  // The last series may have left its dashes behind.
  ctx.setLineDash([]);
  ctx.textBaseline = 'alphabetic';
  if (plot.window) {
    const [a, b] = plot.window.map((t) => u.valToPos(t, 'x', true)) as [number, number];
    ctx.globalAlpha = 0.06;
    ctx.fillStyle = token('accent');
    ctx.fillRect(a, bbox.top, Math.min(b, bbox.left + bbox.width) - a, bbox.height);
    ctx.globalAlpha = 1;
  }
  const x = plot.now === undefined ? Number.NaN : u.valToPos(plot.now, 'x', true);
  // Beside the plot it would lie over an axis, and its label be cut off.
  if (plot.now !== undefined && x >= bbox.left && x <= bbox.left + bbox.width) {
    ctx.strokeStyle = ctx.fillStyle = token('text-3');
    ctx.lineWidth = k;
    ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
    font(400);
    const text = plot.lower ? '' : `Now ${clock(plot.now * 1000, z)}`;
    // Left of its line, unless that would cover the axis.
    const left = x - bbox.left > ctx.measureText(text).width + 8 * k;
    ctx.textAlign = left ? 'right' : 'left';
    ctx.fillText(text, x + (left ? -5 : 5) * k, bbox.top + 9 * k);
  }
  // Every fill has its mark; a size is written where there is room for it.
  let written = Number.NEGATIVE_INFINITY;
  for (const m of (plot.marks ?? []).toSorted((a, b) => a.x - b.x)) {
    const x = u.valToPos(m.x, 'x', true);
    const y = u.valToPos(m.y, 'y', true) + 7 * k;
    ctx.fillStyle = token('accent');
    ctx.beginPath(); ctx.moveTo(x, y); ctx.lineTo(x + 5.5 * k, y + 9 * k); ctx.lineTo(x - 5.5 * k, y + 9 * k); ctx.fill();
    font(550);
    ctx.textAlign = 'center';
    const half = ctx.measureText(m.text).width / 2 + 3 * k;
    if (x - half < written) continue;
    ctx.fillText(m.text, x, y + 21 * k);
    written = x + half;
  }
  // An axis that does not begin at 0 is broken at its foot.
  if (extent(plot)[0] > 0) {
    const foot = bbox.top + bbox.height;
    ctx.strokeStyle = token('text-2');
    ctx.lineWidth = 1.5 * k;
    for (const up of [4, 8]) { ctx.beginPath(); ctx.moveTo(bbox.left - 5 * k, foot - (up - 3) * k); ctx.lineTo(bbox.left + 5 * k, foot - (up + 3) * k); ctx.stroke(); }
  }
  const right = bbox.left + bbox.width + 3 * k;
  for (const t of plot.tags ?? []) {
    const y = u.valToPos(t.value, 'y', true);
    ctx.fillStyle = token(t.colour);
    ctx.beginPath(); ctx.roundRect(right, y - 9 * k, 56 * k, 18 * k, 3 * k); ctx.fill();
    ctx.fillStyle = token(t.on);
    font(600);
    ctx.textAlign = 'center';
    ctx.fillText(t.text, right + 28 * k, y + 4 * k);
  }
  ctx.restore();
}

function describe(box: HTMLElement, u: uPlot, plot: Plot, z: Zone) {
  const i = u.cursor.idx;
  const at = i == null ? undefined : plot.x[i];
  box.hidden = at === undefined || (u.cursor.left ?? -1) < 0;
  if (box.hidden || at === undefined || i == null) return;
  // Where a line only ends, its value is that of the slot before.
  const said = plot.series.filter((s) => s.values[i] != null && s.ends !== i);
  const rows = said.map((s) => {
    return `<dt></dt><dd>${readable(s.values[i] as number, plot.places ?? 2)}</dd>`;
  });
  box.innerHTML = `<div class="m">${clock(at * 1000, z)}</div><dl>${rows.join('')}</dl>`;
  box.querySelectorAll('dt').forEach((dt, n) => { dt.textContent = said[n]?.label ?? ''; });
  const left = u.cursor.left ?? 0;
  box.style.left = `${left > u.over.clientWidth / 2 ? left - box.offsetWidth - 14 : left + 14}px`;
}

export function overlay(plot: () => Plot, z: Zone): uPlot.Plugin {
  const box = document.createElement('div');
  box.className = 'tip';
  box.hidden = true;
  Object.assign(box.style, { position: 'absolute', top: '8px', pointerEvents: 'none', zIndex: '5', whiteSpace: 'nowrap' });
  return {
    hooks: {
      init: (u) => { u.over.append(box); },
      draw: (u) => paint(u, plot(), z),
      setCursor: (u) => describe(box, u, plot(), z),
    },
  };
}
