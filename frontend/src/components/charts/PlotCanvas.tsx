import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { useEffect, useMemo, useRef } from 'react';
import { useEffectiveTheme } from '@/lib/theme';
import { zone } from '@/lib/time';
import { optionsOf } from './options';
import type { Plot } from './plot';

/** Draws a plot and follows its size, the theme and the time zone. New data never resets the pointer. */
export default function PlotCanvas({ plot, height }: { plot: Plot; height: number }) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const latest = useRef(plot);
  const theme = useEffectiveTheme();
  const z = zone.use();
  const data = useMemo(() => [plot.x, ...plot.series.map((s) => s.values)] as uPlot.AlignedData, [plot]);
  const shape = plot.series.map((s) => `${s.label}/${s.kind}/${s.colour}/${s.edge ?? ''}`).join('|');

  useEffect(() => {
    const host = box.current;
    if (!host) return;
    const made = new uPlot(optionsOf(() => latest.current, host.clientWidth || 600, height, z), [[]] as unknown as uPlot.AlignedData, host);
    chart.current = made;
    made.setData([latest.current.x, ...latest.current.series.map((s) => s.values)] as uPlot.AlignedData);
    const observer = new ResizeObserver(() => made.setSize({ width: host.clientWidth, height }));
    observer.observe(host);
    return () => { observer.disconnect(); made.destroy(); chart.current = null; };
    // A changed set of series, theme or zone needs new options; new values do not.
  }, [shape, theme, z, height]);

  useEffect(() => {
    latest.current = plot;
    chart.current?.setData(data);
  }, [plot, data]);

  return <div ref={box} className="relative w-full" aria-hidden="true" />;
}
