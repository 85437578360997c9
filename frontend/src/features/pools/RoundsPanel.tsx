import { Link } from '@tanstack/react-router';
import { type Column, DataTable, Panel, Price, When } from '@/components/ui';
import { type PricePoint, setterText } from '@/lib/api';
import { formatCount, roughCount, shown, unitOf } from '@/lib/money';
import { slotClock, useNow, zone } from '@/lib/time';
import { useRounds } from './useRounds';

/** Every round opens its page. A round may trade several slots and the history has the first of them: price and volume without their slot would be read as those of the whole round. */
export function RoundsPanel({ slug, resource, slots }: { slug: string; resource: string; slots: PricePoint[] }) {
  const z = zone.use();
  const now = useNow();
  const { rows, looked, since, earlier, loading } = useRounds(slug, resource, slots);
  const none = looked === 0 ? 'No round has been held yet' : `None of the last ${formatCount(looked)} rounds${since ? `, since ${slotClock(since, now, z)},` : ''} traded it here`;
  const columns: Column<PricePoint>[] = [
    { id: 'round', head: 'Round', cell: (p) => (p.round === null ? '–' : <Link to="/rounds/$number" params={{ number: String(p.round) }}>{formatCount(p.round)}</Link>), value: (p) => p.round },
    { id: 'cleared', head: 'Cleared', cell: (p) => <span className="t3"><When at={p.cleared_at} style={earlier ? 'day' : 'clock'} /></span>, value: (p) => p.cleared_at, extra: true },
    { id: 'slot', head: 'First traded slot', cell: (p) => slotClock(p.slot, now, z), value: (p) => p.slot },
    { id: 'price', head: 'Price in it', right: true, cell: (p) => <span className="m"><Price value={p.price} resource={resource} /></span>, value: (p) => p.price },
    { id: 'volume', head: `${unitOf(resource).many} in it`, right: true, cell: (p) => roughCount(shown(resource, p.volume)), value: (p) => p.volume },
    { id: 'set', head: 'Set by', cell: (p) => setterText(p.set_by), value: (p) => p.set_by },
  ];
  return (
    <Panel title="Rounds">
      {earlier && <p className="pad s12 t2 border-b border-border">{none}; these are the last that did.</p>}
      <DataTable label="Rounds" columns={columns} rows={rows} rowKey={(p) => `${p.round}/${p.slot}`} height={262} empty={loading ? 'Loading…' : `${none}.`}
        footer={rows.length > 0 && 'Price and volume are those of the first slot that the round traded here; the page of a round has all of its slots.'} />
    </Panel>
  );
}
