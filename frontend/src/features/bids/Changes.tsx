import { Button, Icon } from '@/components/ui';
import type { Explain, Order } from '@/lib/api';
import { formatterFor } from '@/lib/money';
import { perSlot } from './order';
import { aboutText, changeText, surety, winningOf } from './why';
import { useReplace } from './useReplace';

interface Props { order: Order; explain: Explain; slots: number; onReplaced: (id: string) => void }

/** What would have won, and what would not: the second saves a try. */
export function Changes({ order, explain, slots, onReplaced }: Props) {
  const replace = useReplace(order, slots, onReplaced);
  const format = formatterFor([order.limit, ...explain.changes.map((c) => c.limit)].filter((v) => v !== null).map((v) => perSlot(v, slots)));
  const winning = winningOf(explain, order.side);
  const amount = (limit: string) => { const text = format(perSlot(limit, slots)); return winning && limit === winning.value ? aboutText(winning, order.side, text) : text; };
  return (
    <>
      <div className="row g8 px-3 py-2 border-t border-border">
        <h3 className="s12 b" style={{ color: 'var(--text)' }}>{winning && !winning.exact ? 'What might help' : 'What would have won'}</h3><span className="sp" />
        {winning && <span className="s11 t3">{surety(winning, order.side)}</span>}
      </div>
      <table className="t mk">
        <thead><tr><th scope="col">Change</th><th scope="col" className="r">cr/slot</th><th scope="col"><span className="sr-only">Do it</span></th></tr></thead>
        <tbody>
          {explain.changes.map((c) => (
            <tr key={c.change + c.limit} className={c.helps ? '' : 'mut'}>
              <td style={{ whiteSpace: 'normal' }}><span className="row g6"><span className={c.helps ? 'ok' : 't3'}><Icon name={c.helps ? 'check' : 'cross'} size={12} /></span>{changeText(order, c.change)}{winning?.percent && c.limit === winning.value && `: wins ${winning.percent} of it`}{!c.helps && ' does not help'}</span></td>
              <td className="r">{c.limit ? amount(c.limit) : '–'}</td>
              <td className="r">{c.limit && c.helps && <Button size="sm" kind="primary" busy={replace.busy} onClick={() => c.limit && replace.run(c.limit)} aria-label={`Set: ${changeText(order, c.change)}`}>Set</Button>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
