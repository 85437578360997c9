import { PageLink, Panel, ScrollBox } from '@/components/ui';
import type { Swap } from '@/lib/api';
import { formatBundle } from '@/lib/money';
import { counterpartText, distanceText, gotText, undone } from './swap';

/** Where what it wins comes from, and where what it lends goes. */
export function PairsPanel({ swap }: { swap: Swap }) {
  const pairs = swap.pairs ?? [];
  if (pairs.length === 0) return null;
  return (
    <Panel title="From whom, to whom" note={undone(swap) ? 'had it come about; other members are not named' : 'other members are not named'}>
      <ScrollBox label="From whom, to whom: rows"><table className="t mk">
        <thead><tr><th scope="col">Capacity</th><th scope="col">Counterpart</th><th scope="col">Distance</th></tr></thead>
        <tbody>
          {pairs.map((pair, i) => (
            <tr key={i}>
              <td>{gotText(pair, swap)} {formatBundle({ [pair.resource]: Math.abs(pair.quantity) })}</td>
              <td>{pair.instance ? <PageLink to="/workloads" search={{ workload: pair.instance }}>a workload of your own</PageLink> : counterpartText(pair)}</td>
              <td className="t2">{distanceText(pair, swap)}</td>
            </tr>
          ))}
        </tbody>
      </table></ScrollBox>
    </Panel>
  );
}
