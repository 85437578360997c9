import { Badge, Button, Icon, toast } from '@/components/ui';
import { type Explain, type Order, useWrite } from '@/lib/api';
import { formatMoney, formatPercent } from '@/lib/money';
import { perSlot } from './order';

/** What would have won, and what would not: the second saves a try. */
export function Changes({ order, explain, slots }: { order: Order; explain: Explain; slots: number }) {
  const write = useWrite<{ limit: string }, Order>(['/bids', '/offers', '/balance']);
  const set = (limit: string) => write.mutate({ path: `/${order.side}s/${order.id}`, method: 'PATCH', body: { limit }, keyed: true }, {
    onSuccess: () => toast({ tone: 'ok', title: `Limit is now ${formatMoney(perSlot(limit, slots))} cr a slot` }),
    onError: (p) => toast({ tone: 'bad', title: 'Limit not changed', detail: p.said }),
  });
  const quality = explain.minimum_winning_limit?.quality;
  return (
    <>
      <div className="row g8 px-3 py-2 border-t border-border"><h3 className="s12 b" style={{ color: 'var(--text)' }}>What would have won</h3><span className="sp" />{quality && <Badge tone={quality === 'exact' ? 'ok' : 'line'} icon={quality === 'exact' ? 'check' : undefined}>{quality}</Badge>}</div>
      <table className="t mk">
        <thead><tr><th scope="col">Change</th><th scope="col" className="r">cr/slot</th><th scope="col" className="r fc">Chance</th><th scope="col"><span className="sr-only">Do it</span></th></tr></thead>
        <tbody>
          {explain.changes.map((c) => (
            <tr key={c.change} className={c.helps ? '' : 'mut'}>
              <td style={{ whiteSpace: 'normal', height: 40 }}>
                <span className="row g6"><span className={c.helps ? 'ok' : 't3'}><Icon name={c.helps ? 'check' : 'cross'} size={12} /></span><span>{c.change}<br /><span className="t3 s11">{c.detail}</span></span></span>
              </td>
              <td className="r">{c.limit ? formatMoney(perSlot(c.limit, slots)) : '–'}</td>
              <td className="r">{c.probability == null ? '–' : formatPercent(c.probability)}</td>
              <td className="r">{c.limit && c.helps && <Button size="sm" busy={write.isPending} onClick={() => c.limit && set(c.limit)} aria-label={`Set: ${c.change}`}>Set</Button>}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}
