import { type Column, DataTable, Page, Panel, Price } from '@/components/ui';
import { type Pool, setterOf, setterText, useMay, usePools } from '@/lib/api';
import { formatPercent, unitOf } from '@/lib/money';
import { useParam } from '@/lib/url';
import { ApprovalForm } from './ApprovalForm';
import { History } from './History';
import { Proposals } from './Proposals';
import { ReserveForm } from './ReserveForm';
import { MovesForm } from './MovesForm';
import { ShortageForm } from './ShortageForm';
import { SimulationPanel } from './SimulationPanel';
import { useReserves } from './useReserves';
import { useSimulation } from './useSimulation';

interface Row { pool: Pool; resource: string; reserve: string | null; price: string | null; setBy: string | null; utilisation: number }
/** What the clearing says, not a comparison: a price under the first step is set by somebody else, one over it may be a later step's. */
const atReserve = (r: Row) => r.setBy !== null && setterOf(r.setBy) === 'reserve';
const setText = (r: Row) => (r.setBy === null ? '–' : atReserve(r) ? `the reserve price, step ${Number(r.setBy.split(':')[1] ?? 0) + 1}` : setterText(r.setBy));

const columns = (choose: (slug: string) => void): Column<Row>[] => [
  { id: 'pool', head: 'Pool', cell: (r) => <button type="button" className="linkish b" style={{ color: 'inherit' }} onClick={() => choose(r.pool.slug)}>{r.pool.slug}</button>, value: (r) => r.pool.slug },
  { id: 'resource', head: 'Resource', cell: (r) => unitOf(r.resource).label, value: (r) => r.resource },
  { id: 'reserve', head: 'Reserve from, cr/unit·slot', right: true, cell: (r) => <span className="big">{r.reserve ? <Price value={r.reserve} resource={r.resource} /> : 'none'}</span>, value: (r) => r.reserve },
  { id: 'price', head: 'Last price, next slot', right: true, cell: (r) => (r.price ? <Price value={r.price} resource={r.resource} /> : <span className="t3">none</span>), value: (r) => r.price },
  { id: 'used', head: 'Used', right: true, cell: (r) => formatPercent(r.utilisation), value: (r) => r.utilisation },
  { id: 'sets', head: 'What sets the price', cell: setText, value: setText },
];
/** From where does the operator sell, and does it bind? */
export default function PricingPage() {
  const mayMove = useMay('admin:write');
  const pools = usePools();
  // The operator has no supply of what is recallable, so no price of it.
  const own = (pools.data?.data ?? []).filter((p) => !p.recallable_of);
  const [slug, choose] = useParam('pool');
  const pool = own.find((p) => p.slug === slug) ?? own[0];
  const reserves = useReserves(pool?.slug);
  const simulation = useSimulation(pool?.slug);
  const rows: Row[] = own.flatMap((p) => p.resources.map((r) => ({ pool: p, resource: r.resource, reserve: r.reserve, price: r.price?.price ?? null, setBy: r.price?.set_by ?? null, utilisation: r.utilisation })));
  const priced = rows.filter((r) => r.price).length;
  const binding = rows.filter(atReserve).length;
  return (
    <Page title="Reserve prices" of={pools} answer={() => (priced === 0 ? <>No product has a price for the next slot yet.</> : <>Of the <b>{priced}</b> products with a price for the next slot the reserve price sets <b>{binding}</b>; bids and offers set the others.</>)}
      empty={(d) => d.data.length === 0 && { fact: 'There is no pool yet.' }}>
      {() => <>
        <div className="split">
          <div className="grid content-start">
            <SimulationPanel of={simulation} />
            {pool && reserves.data && <Proposals pool={pool} history={reserves.data.list} etag={reserves.data.etag} />}
            <Panel title="Products"><DataTable label="Reserve prices" columns={columns(choose)} rows={rows} rowKey={(r) => `${r.pool.slug}/${r.resource}`} csvName="reserve-prices" /></Panel>
            {pool && <History pool={pool} list={reserves.data?.list ?? []} />}
          </div>
          {pool && reserves.data && <ReserveForm key={pool.slug} pool={pool} history={reserves.data.list} etag={reserves.data.etag} simulation={simulation} />}
        </div>
        {pool && reserves.data && (
          <div className="beside">
            <ShortageForm key={`shortage ${pool.slug}`} pool={pool} />
            {mayMove && !pool.recallable_of && <MovesForm key={`moves ${pool.slug}`} pool={pool} />}
            {mayMove && !pool.recallable_of && <ApprovalForm key={`approval ${pool.slug}`} pool={pool} />}
          </div>
        )}
      </>}
    </Page>
  );
}
