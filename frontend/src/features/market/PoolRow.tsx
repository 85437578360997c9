import { Link } from '@tanstack/react-router';
import { RangeMark, Sparkline } from '@/components/charts/Sparkline';
import { Badge, Change, Price } from '@/components/ui';
import { tierText } from '@/lib/api';
import { formatExact, formatMoney, formatPercent, roughCount, shown } from '@/lib/money';
import type { Row } from './rank';

const TIGHT = 0.9;

export function PoolRow({ row, resource, best, bids }: { row: Row; resource: string; best: boolean; bids: boolean }) {
  const { pool, history, used } = row;
  const tight = used >= TIGHT;
  return (
    <tr className={best ? 'sel' : ''}>
      <td>
        <span className="row g8">
          <Link to="/pools/$slug" params={{ slug: pool.slug }} className="big" style={{ color: 'var(--text)' }}>{pool.slug}</Link>
          {best && <Badge tone="acc" icon="check">Best<span className="phone-hide"> fit</span></Badge>}
          {pool.recallable_of && <Badge tone="line">Recallable</Badge>}
          {pool.halted && <Badge tone="bad" icon="pause">Halted</Badge>}
        </span>
      </td>
      <td className="t3 narrow-hide">{pool.pop}, {tierText(pool.tier)}</td>
      <td className="r big">{row.raw !== null ? <Price value={row.raw} resource={resource} /> : row.asked === null ? <span className="t3">no price</span> : <span className="t3" title="Nothing was traded here: the operator’s reserve price, from which it sells">from <Price value={row.asked} resource={resource} /></span>}</td>
      <td className="r phone-hide">{row.hour === null ? <span className="t3">–</span> : <Change percent={row.hour} />}</td>
      <td className="narrow-hide">{history.length > 2 && row.price !== null && <RangeMark p5={row.p5} p50={row.p50} p95={row.p95} last={row.price} />}</td>
      <td className="r narrow-hide">{row.volatility === null ? '–' : `± ${formatPercent(row.volatility / 100, 1)}`}</td>
      <td className="phone-hide"><Sparkline values={history.slice(-48)} label={`Price of ${pool.slug} over the last ${history.length === 1 ? 'slot' : `${Math.min(48, history.length)} slots`}`} /></td>
      <td className="phone-hide">
        <span className="row g6">
          <span className="bar" style={{ width: 32 }}><i style={{ width: `${Math.round(used * 100)}%`, background: tight ? 'var(--tight)' : undefined }} /></span>
          <span className={tight ? 'tight m' : ''}>{formatPercent(used)}</span>
        </span>
      </td>
      <td className="r phone-hide">{roughCount(shown(resource, row.free))}</td>
      <td className="r big" title={row.cost === null ? undefined : `${formatExact(row.cost)} cr`}>{row.cost === null ? <span className="t3">no quote</span> : formatMoney(row.cost)}</td>
      {bids && <td className="c"><Link to="/pools/$slug" params={{ slug: pool.slug }} className={`btn sm ${best ? 'p' : ''}`} aria-label={`Bid in ${pool.slug}`}>Bid</Link></td>}
    </tr>
  );
}
