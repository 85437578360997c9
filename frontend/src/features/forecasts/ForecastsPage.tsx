import { Page, Segmented, Select } from '@/components/ui';
import { type Accuracy, combine, type Instance, type List, type Pool, useResource } from '@/lib/api';
import { formatPercent, unitOf } from '@/lib/money';
import { useParam } from '@/lib/url';
import { AccuracyTable } from './AccuracyTable';
import { CoveragePanel } from './CoveragePanel';
import { FanPanel } from './FanPanel';

function Answer({ accuracy }: { accuracy: Accuracy }) {
  const scored = accuracy.data.filter((r) => r.count > 0);
  const total = scored.reduce((s, r) => s + r.count, 0);
  const drift = scored.filter((r) => r.drift).length;
  if (total === 0) return <>No forecast has met reality yet: the first scores come one slot after the first forecasts.</>;
  const inside = (level: string) => scored.reduce((s, r) => s + (r.coverage[level] ?? 0) * r.count, 0) / total;
  return <>The 80 % band held <b>{formatPercent(inside('80'), 1)}</b> of the time and the 95 % band <b>{formatPercent(inside('95'), 1)}</b>, over {total.toLocaleString('en-US')} forecasts{drift > 0 && <>; <b>{drift} drift</b></>}.</>;
}

/** Can these forecasts be trusted, and what do they say? */
export default function ForecastsPage() {
  const [about, setAbout] = useParam('of');
  const [resource, setResource] = useParam('r', 'cpu_milli');
  const of = combine<{ pools: List<Pool>; instances: List<Instance>; accuracy: Accuracy }>({ pools: useResource('/pools'), instances: useResource('/instances', { limit: 200 }), accuracy: useResource('/forecasts/accuracy') });
  const pools = of.data?.pools.data ?? [];
  const instances = of.data?.instances.data ?? [];
  const subject = about || (instances[0] ? `i:${instances[0].id}` : pools[0] ? `p:${pools[0].slug}` : '');
  const instance = instances.find((i) => `i:${i.id}` === subject);
  const options = [...instances.map((i) => ({ value: `i:${i.id}`, label: `${i.name}, workload` })), ...pools.map((p) => ({ value: `p:${p.slug}`, label: `${p.slug}, pool` }))];
  return (
    <Page title="Forecasts" of={of} answer={(d) => <Answer accuracy={d.accuracy} />}
      empty={() => options.length === 0 && { fact: 'There is nothing to forecast yet.', hint: 'Forecasts begin with the first sample of the first workload.' }}
      actions={<span className="row g8"><Segmented label="Resource" value={resource} options={['cpu_milli', 'mem_mib'].map((r) => ({ value: r, label: unitOf(r).label }))} onChange={setResource} /><Select label="Forecast of" hideLabel value={subject} options={options} onChange={setAbout} /></span>}>
      {(d) => <>
        <FanPanel subject={subject} instance={instance} resource={resource} />
        <div className="halves"><CoveragePanel accuracy={d.accuracy} /><AccuracyTable accuracy={d.accuracy} /></div>
      </>}
    </Page>
  );
}
