// Rows ranked by my cost. Pools without room or price stay visible below a line: they are answers too.
import { Fragment } from 'react';
import { Panel, ScrollBox } from '@/components/ui';
import { useMay } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { PoolRow } from './PoolRow';
import type { Need, Row } from './rank';

const HEADS: { text: string; help?: string; right?: boolean; extra?: boolean; big?: boolean }[] = [
  { text: 'Pool' }, { text: 'Place', extra: true }, { text: 'Mean price, cr', help: 'Over the slots of your need; a slot that nobody has traded yet counts at the last one before it', right: true },
  { text: 'Change in 1 h', help: 'The mean price beside it, against the price an hour before the next slot', right: true, big: true }, { text: 'In its usual range', help: 'The bar is where 90 % of the recent prices lay, the mark their middle, the dot the mean price beside it', extra: true },
  { text: 'Swing per slot', help: 'How much the price usually changes from one slot to the next', right: true, extra: true }, { text: 'Price, recent', help: 'To the next slot; on a scale of its own', big: true }, { text: 'Taken', help: 'Of the next slot: by baselines, and by what is sold', big: true },
];

export function PoolTable({ rows, need }: { rows: Row[]; need: Need }) {
  const bids = useMay('orders:write');
  const asked = need.amount !== null && need.slots !== null;
  const line = asked ? rows.findIndex((r) => !r.fits) : -1;
  const best = rows[0]?.fits ? rows[0].pool.slug : null;
  return (
    <Panel>
      <ScrollBox label="Pools">
        <table className="t mk">
          <thead>
            <tr>
              {HEADS.map((h) => <th key={h.text} scope="col" title={h.help} className={`${h.right ? 'r' : ''} ${h.extra ? 'narrow-hide' : h.big ? 'phone-hide' : ''}`}>{h.text}</th>)}
              <th scope="col" className="r phone-hide" title="In the next slot">Free, {unitOf(need.resource).many}</th>
              <th scope="col" className="r sort" aria-sort="ascending">Your need, cr ▲</th>
              {bids && <th scope="col"><span className="sr-only">Bid</span></th>}
            </tr>
          </thead>
          <tbody>
            {rows.map((r, i) => (
              <Fragment key={r.pool.slug}>
                {i === line && <tr><td colSpan={bids ? 11 : 10} className="th">Below your need: less is free, or there is no price. A higher limit can still win.</td></tr>}
                <PoolRow row={r} resource={need.resource} best={r.pool.slug === best} bids={bids} />
              </Fragment>
            ))}
          </tbody>
        </table>
      </ScrollBox>
    </Panel>
  );
}
