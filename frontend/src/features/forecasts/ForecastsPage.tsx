import { Page, Segmented, Select } from '@/components/ui';
import { combine, type Instance, type List, type Pool, type SeriesForecast, useResource } from '@/lib/api';
import { formatCount, formatPercent, unitOf } from '@/lib/money';
import { useParam } from '@/lib/url';
import { overall, rowsOf } from './accuracy';
import { AccuracyTable } from './AccuracyTable';
import { CoveragePanel } from './CoveragePanel';
import { FanPanel } from './FanPanel';

function Answer({ series }: { series: SeriesForecast[] }) {
  const all = overall(rowsOf(series));
  const rejected = series.reduce((sum, s) => sum + s.rejected_samples, 0);
  if (!all) return <>No forecast has met reality yet: the first scores come one slot after the first forecasts.</>;
  return <>The 80 % band held <b>{formatPercent(all.in80, 1)}</b> of the time and the 95 % band <b>{formatPercent(all.in95, 1)}</b>, over {formatCount(all.scored)} forecasts.{rejected > 0 && <> {formatCount(rejected)} {rejected === 1 ? 'measurement was' : 'measurements were'} rejected: negative, or more than the node has.</>}</>;
}

/** Can these forecasts be trusted, and what do they say? */
export default function ForecastsPage() {
  const [about, setAbout] = useParam('of');
  const [resource, setResource] = useParam('r', 'cpu_milli');
  const of = combine<{ pools: List<Pool>; instances: List<Instance>; accuracy: List<SeriesForecast> }>({ pools: useResource('/pools'), instances: useResource('/instances', { limit: 200 }), accuracy: useResource('/forecasts/accuracy') });
  const pools = of.data?.pools.data ?? [];
  const instances = of.data?.instances.data ?? [];
  const subject = about || (instances[0] ? `i:${instances[0].id}` : pools[0] ? `p:${pools[0].slug}` : '');
  const instance = instances.find((i) => `i:${i.id}` === subject);
  const options = [...instances.map((i) => ({ value: `i:${i.id}`, label: `${i.name}, workload` })), ...pools.map((p) => ({ value: `p:${p.slug}`, label: `${p.slug}, pool` }))];
  return (
    <Page title="Forecasts" of={of} answer={(d) => <Answer series={d.accuracy.data} />}
      empty={() => options.length === 0 && { fact: 'There is nothing to forecast yet.', hint: 'Forecasts begin with the first sample of the first workload.' }}
      actions={<span className="row g8"><Segmented label="Resource" value={resource} options={['cpu_milli', 'mem_mib'].map((r) => ({ value: r, label: unitOf(r).label }))} onChange={setResource} /><Select label="Forecast of" hideLabel value={subject} options={options} onChange={setAbout} /></span>}>
      {(d) => {
        const rows = rowsOf(d.accuracy.data);
        return <>
          <FanPanel subject={subject} instance={instance} resource={resource} />
          <div className="halves"><CoveragePanel rows={rows} /><AccuracyTable rows={rows} /></div>
        </>;
      }}
    </Page>
  );
}
