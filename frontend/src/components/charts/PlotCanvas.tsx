import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef } from 'react';
import { useEffectiveTheme } from '@/lib/theme';
import { zone } from '@/lib/time';
import { optionsOf } from './options';
import { type Plot, shapeOf } from './plot';

const dataOf = (plot: Plot) => [plot.x, ...plot.series.map((s) => s.values)] as uPlot.AlignedData;

/** Draws a plot and follows its size, the theme and the time zone. New data never resets the pointer. */
export default function PlotCanvas({ plot, height }: { plot: Plot; height: number }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(plot);
  const theme = useEffectiveTheme();
  const z = zone.use();
  const shape = shapeOf(plot);

  // The first of the effects: a chart that is made anew is made of this plot, not of the one before.
  useEffect(() => { latest.current = plot; }, [plot]);

  useEffect(() => {
    const host = box.current;
    if (!host) return;
    const made = new uPlot(optionsOf(() => latest.current, host.clientWidth || 600, height, z), [[]] as unknown as uPlot.AlignedData, host);
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height }));
    observer.observe(host);
    return () => { observer.disconnect(); made.destroy(); chart.current = null; };
    // Another set of series, theme or zone needs new options; new values do not.
  }, [shape, theme, z, height]);

  // The last of them: what it gets always fits the options, also where both have just changed.
  useEffect(() => { chart.current?.setData(dataOf(plot)); }, [plot, shape, theme, z, height]);

  return <div ref={box} className="relative w-full" aria-hidden="true" />;
}
