import { useState } from 'react';
import { Button, type Column, DataTable, Note, Page, Panel, Price, ResourceView } from '@/components/ui';
import { type Pool, proposalsOf, setterOf, setterText, usePools, useSchedules } from '@/lib/api';
import { formatPercent, unitOf } from '@/lib/money';
import { slotClock, useNow, zone } from '@/lib/time';
import { useParam, useSetParams } from '@/lib/url';
import { Answer } from './Answer';
import { History } from './History';
import { PoolSettings } from './PoolSettings';
import { Proposals } from './Proposals';
import { type Drafts, ReserveForm } from './ReserveForm';
import { SimulationPanel } from './SimulationPanel';
import { useSimulation } from './useSimulation';

interface Row { pool: Pool; resource: string; reserve: string | null; price: string | null; slot: string | null; setBy: string | null; utilisation: number }
const keyOf = (slug: string, resource: string) => `${slug}/${resource}`;
/** What the clearing says, not a comparison: a price under the first step is set by somebody else, one over it may be a later step's. */
const atReserve = (r: Row) => r.setBy !== null && setterOf(r.setBy) === 'reserve';
const setText = (r: Row) => (r.setBy === null ? '–' : atReserve(r) ? `the reserve price, step ${Number(r.setBy.split(':')[1] ?? 0) + 1}` : setterText(r.setBy));

const columns = (choose: (r: Row) => void, slotOf: (slot: string) => string): Column<Row>[] => [
  // The button is how the keyboard selects a row; a click anywhere on the row does the same.
  { id: 'pool', head: 'Pool', cell: (r) => <button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={(e) => { e.stopPropagation(); choose(r); }}>{r.pool.slug}<span className="sr-only">, {unitOf(r.resource).label}</span></button>, value: (r) => r.pool.slug },
  { id: 'resource', head: 'Resource', cell: (r) => unitOf(r.resource).label, value: (r) => r.resource },
  { id: 'reserve', head: 'Reserve from, cr/unit·slot', right: true, cell: (r) => <span className="big">{r.reserve ? <Price value={r.reserve} resource={r.resource} /> : 'none'}</span>, value: (r) => r.reserve },
  { id: 'price', head: 'Last price', right: true, cell: (r) => (r.price ? <Price value={r.price} resource={r.resource} /> : <span className="t3">none</span>), value: (r) => r.price },
  { id: 'slot', head: 'For the slot', right: true, extra: 'phone', cell: (r) => (r.slot ? slotOf(r.slot) : ''), value: (r) => r.slot },
  { id: 'used', head: 'Taken', help: 'Of the next slot: by baselines, and by what is sold', right: true, cell: (r) => formatPercent(r.utilisation), value: (r) => r.utilisation },
  { id: 'sets', head: 'What sets the price', cell: setText, value: setText },
];

/** From where does the operator sell, and does it bind? */
export default function PricingPage() {
  const pools = usePools();
  // The operator has no supply of what is recallable, so no price of it.
  const own = (pools.data?.data ?? []).filter((p) => !p.recallable_of);
  const [slug] = useParam('pool');
  const [asked] = useParam('r');
  const set = useSetParams();
  const pool = own.find((p) => p.slug === slug) ?? own[0];
  const resource = (pool?.resources.find((r) => r.resource === asked) ?? pool?.resources[0])?.resource ?? 'cpu_milli';
  const schedules = useSchedules();
  const [drafts, setDrafts] = useState<Drafts>({});
  const simulation = useSimulation(pool?.slug);
  const z = zone.use();
  const now = useNow();
  const rows: Row[] = own.flatMap((p) => p.resources.map((r) => ({ pool: p, resource: r.resource, reserve: r.reserve, price: r.price?.price ?? null, slot: r.price?.slot ?? null, setBy: r.price?.set_by ?? null, utilisation: r.utilisation })));
  const priced = rows.filter((r) => r.price).length;
  const binding = rows.filter(atReserve).length;
  const choose = (to: string) => set({ pool: to });
  const select = (r: Row) => set({ pool: r.pool.slug, r: r.resource });
  return (
    <Page title="Reserve prices" of={pools} answer={() => <Answer priced={priced} binding={binding} />}
      empty={(d) => d.data.length === 0 && { fact: 'There is no pool yet.' }}>
      {() => <>
        <Proposals waiting={proposalsOf(schedules.data)} />
        <div className="split">
          <div className="grid content-start">
            <SimulationPanel of={simulation} />
            <Panel title="Products"><DataTable label="Reserve prices" columns={columns(select, (slot) => slotClock(slot, now, z))} rows={rows} rowKey={(r) => keyOf(r.pool.slug, r.resource)} selected={pool && keyOf(pool.slug, resource)} onSelect={select} csvName="reserve-prices" /></Panel>
            {pool && <History pool={pool} list={schedules.data?.[pool.slug]?.list ?? []} />}
          </div>
          {pool && (
            <ResourceView of={schedules} rows={8}>
              {(all) => (all[pool.slug]
                ? <ReserveForm key={pool.slug} drafts={drafts} setDrafts={setDrafts} pool={pool} pools={own} onPool={choose} resource={resource} onResource={(r) => set({ r })} history={all[pool.slug]?.list ?? []} etag={all[pool.slug]?.etag ?? ''} simulation={simulation} />
                : <Note tone="bad">The schedules of {pool.slug} could not be read. <Button size="sm" onClick={schedules.retry}>Read them again</Button></Note>)}
            </ResourceView>
          )}
        </div>
        {pool && <PoolSettings pool={pool} pools={own} onPool={choose} />}
      </>}
    </Page>
  );
}
