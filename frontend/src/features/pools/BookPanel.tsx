import { Link } from '@tanstack/react-router';
import { ChartFrame } from '@/components/charts/ChartFrame';
import { Crossing } from '@/components/charts/Crossing';
import { NanoPrice, ResourceView } from '@/components/ui';
import { type Book, type BookLevel, type List, type Market, type Pool, type Round, resourceOf, roundsText, useMe, useResource } from '@/lib/api';
import { formatCount, formatQuantity, shown, toNumber, unitOf, unitPrice } from '@/lib/money';
import { clock, zone } from '@/lib/time';

/** The book is of a round; without one of this product it is not there, and why not depends on whether any was held. */
const missingOf = (newest: List<Round> | undefined, halted: boolean, market: Market | undefined) => (halted
  ? { fact: 'The pool is halted.', hint: 'No round clears it until it is resumed; open orders are kept.' }
  : newest?.data.length === 0
  ? { fact: 'No round has been held yet.', hint: `${roundsText(market)}.` }
  : { fact: 'The last round had none of this product.', hint: 'There were no bids or offers here; earlier rounds may have traded it.' });

type Row = BookLevel & { side: 'bid' | 'offer'; key: string };

/** The last *cleared* round: the open book is nobody's to see. */
export function BookPanel({ slug, resource, pool, onPick }: { slug: string; resource: string; pool: Pool; onPick?: (price: number) => void }) {
  const z = zone.use();
  const market = useMe()?.market;
  const book = useResource<Book>(`/pools/${slug}/book`, { resource });
  // Asked for only where there is no book: without any round there is none, and else it was of other things.
  const newest = useResource<List<Round>>(book.problem?.status === 404 ? '/rounds' : null, { limit: 1 }).data;
  const level = (l: BookLevel) => ({ price: toNumber(unitPrice(resource, l.price), 9), quantity: shown(resource, l.quantity), mine: l.mine });
  const rows: Row[] = [...(book.data?.bids ?? []).map((l, i) => ({ ...l, side: 'bid' as const, key: `b${i}` })), ...(book.data?.offers ?? []).map((l, i) => ({ ...l, side: 'offer' as const, key: `o${i}` }))];
  const table = {
    name: `${slug}-book`, rows, rowKey: (r: Row) => r.key,
    columns: [
      { id: 'side', head: 'Side', cell: (r: Row) => (r.side === 'bid' ? '▲ bid' : r.kind === 'reserve' ? '▼ reserve' : '▼ offer'), value: (r: Row) => r.side },
      { id: 'price', head: 'Limit', right: true, cell: (r: Row) => <NanoPrice value={unitPrice(resource, r.price)} />, value: (r: Row) => r.price },
      { id: 'quantity', head: unitOf(resource).many, right: true, cell: (r: Row) => formatQuantity(resource, r.quantity), value: (r: Row) => r.quantity },
    ],
  };
  return (
    <ChartFrame title="Bids against offers" note={book.data && <span className="row g6"><Link to="/rounds/$number" params={{ number: String(book.data.round) }}>Round {formatCount(book.data.round)}</Link><span>slot {clock(book.data.slot, z)}</span></span>} table={table}>
      <ResourceView of={book} missing={missingOf(newest, pool.halted !== null, market)} empty={(b) => (b.price === null || b.bids.length + b.offers.length === 0) && { fact: pool.halted ? 'The pool is halted: no round clears it.' : 'Nobody bid or offered in the last round.' }}>
        {(b) => b.price !== null && (
          <div className="pad">
            <Crossing bids={b.bids.map(level)} offers={b.offers.map(level)} price={toNumber(unitPrice(resource, b.price), 9)} quantity={shown(resource, b.quantity)}
              capacity={shown(resource, resourceOf(pool, resource)?.capacity ?? 0)} unit={unitOf(resource).many} closed={pool.halted ? 'the pool is halted, and no round clears it' : undefined} onPick={onPick} />
          </div>
        )}
      </ResourceView>
    </ChartFrame>
  );
}
