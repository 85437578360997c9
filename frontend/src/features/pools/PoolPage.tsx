import { type ReactNode, useEffect } from 'react';
import { Badge, Page, Select, Segmented } from '@/components/ui';
import { combine, currentPrice, type List, type Pool, type PricePoint, resourceOf, usePools, usePrices, useResource } from '@/lib/api';
import { asNano, formatPercent, formatPrice, formatRough, unitOf, unitPrice } from '@/lib/money';
import { clock, slotClock, useNow, zone } from '@/lib/time';
import { TICKET } from '@/lib/ticket';
import { useParam } from '@/lib/url';
import { useNavigate } from '@tanstack/react-router';
import { BookPanel } from './BookPanel';
import { Facts } from './Facts';
import { FullNodes } from './FullNodes';
import { HaltPool } from './HaltPool';
import { NodesPanel } from './NodesPanel';
import { OpenRecallable } from './OpenRecallable';
import { LAST_POOL } from './PickPool';
import { PricePanel } from './PricePanel';
import { RoundsPanel } from './RoundsPanel';
import { SafeStateNote } from './SafeStateNote';
import { ScarcityPanel } from './ScarcityPanel';

interface Props { slug: string; onPick?: (price: number) => void; ticket?: (pool: Pool) => ReactNode }

function Answer({ pool, resource, prices }: { pool: Pool; resource: string; prices: PricePoint[] }) {
  const z = zone.use();
  const now = useNow();
  const current = currentPrice(prices, pool.next_slot);
  const r = resourceOf(pool, resource);
  const unit = unitOf(resource);
  if (pool.halted) return <>The pool is <b>halted</b>: {pool.halted.reason}. Orders are kept, holds unchanged.</>;
  const costs = current && <>One {unit.one} costs <b>{formatPrice(asNano(current.price * BigInt(unit.per)))} cr</b> {current.own ? `in the slot at ${clock(pool.next_slot, z)}, the mean of its trades` : `a slot, as in the slot at ${slotClock(current.slot, now, z)}: nobody has traded the next one yet`}</>;
  if (pool.recallable_of) return <>What is lent in <b>{pool.recallable_of}</b> and may be taken back in the middle of a slot. {costs ? <>{costs}. Lenders set the price.</> : <>None of it has been traded yet.</>}</>;
  if (!r) return <>This pool has no such resource.</>;
  if (!costs) return <>{unit.label} has not been traded in this pool yet. {r.reserve ? <>The reserve price is <b>{formatPrice(unitPrice(resource, r.reserve))} cr</b> a {unit.one}.</> : 'It has no reserve price.'}</>;
  return <>{costs}. <b>{formatRough(resource, r.free)}</b> of {formatRough(resource, r.capacity)} are free then, {formatPercent(r.utilisation)} taken.</>;
}

/** What will I pay, will I win? */
export function PoolPage({ slug, onPick, ticket }: Props) {
  const [resource, setResource] = useParam('r', 'cpu_milli');
  const navigate = useNavigate();
  const all = usePools();
  const of = combine<{ pool: Pool; prices: List<PricePoint> }>({ pool: useResource<Pool>(`/pools/${slug}`), prices: usePrices(slug, resource, 'slot', 200) });
  useEffect(() => sessionStorage.setItem(LAST_POOL, slug), [slug]);
  const pool = of.data?.pool;
  return (
    <Page title={slug} of={of} badge={pool?.halted ? <Badge tone="bad" icon="pause">Halted</Badge> : pool?.recallable_of ? <Badge tone="line">Recallable</Badge> : undefined} answer={(d) => <Answer pool={d.pool} resource={resource} prices={d.prices.data} />}
      actions={<span className="row g8 wrap" style={{ flexShrink: 0, maxWidth: '100%' }}>
        {pool && ticket && <a className="btn p to-ticket" href={`#${TICKET}`}>Bid or offer</a>}
        {pool && <HaltPool key={pool.slug} pool={pool} all={all.data?.data} />}
        <Segmented label="Resource" value={resource} options={(pool?.resources ?? []).map((r) => ({ value: r.resource, label: unitOf(r.resource).label }))} onChange={setResource} />
        <Select label="Pool" hideLabel value={slug} options={(all.data?.data ?? [{ slug }]).map((p) => ({ value: p.slug, label: p.slug }))} onChange={(to) => void navigate({ to: '/pools/$slug', params: { slug: to } })} />
      </span>}>
      {(d) => (
        <div className={ticket ? 'split' : ''}>
          <div className="grid content-start">
            <SafeStateNote pool={d.pool} resource={resource} />
            <Facts pool={d.pool} resource={resource} prices={d.prices.data} />
            <ScarcityPanel pool={d.pool} resource={resource} />
            <OpenRecallable pool={d.pool} all={all.data?.data} />
            <PricePanel slug={slug} resource={resource} prices={d.prices.data} pool={d.pool} />
            <div className="halves"><BookPanel slug={slug} resource={resource} pool={d.pool} onPick={onPick} /><RoundsPanel slug={slug} resource={resource} slots={d.prices.data} /></div>
            <FullNodes pool={d.pool} />
            <NodesPanel key={`nodes ${d.pool.slug}`} pool={d.pool} />
          </div>
          {ticket?.(d.pool)}
        </div>
      )}
    </Page>
  );
}
