import { useEffect } from 'react';
import { Select } from '@/components/ui';
import { type Order, useAll, useMe } from '@/lib/api';
import { formatBundle, formatCount } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { canBeParent, poolsOf } from './order';

interface Props { value: string; onChange: (bid: string) => void; error?: string }

/** With which of the own open bids it wins or ends; nothing to choose where none can be a parent. */
export function ParentField({ value, onChange, error }: Props) {
  const z = zone.use();
  const me = useMe();
  const bids = useAll<Order>('/bids', { status: 'open' }).data;
  const parents = (bids?.rows ?? []).filter((o) => o.participant === me?.participant.id && canBeParent(o));
  // A bid that has won or ended meanwhile is nobody's parent any more.
  const gone = !!value && !!bids && !bids.cut && !parents.some((o) => o.id === value);
  useEffect(() => { if (gone) onChange(''); }, [gone]);
  if (parents.length === 0) return null;
  const name = (o: Order) => `${o.id.slice(-6)}: ${poolsOf(o)[0]}, ${formatBundle(o.resources)}, ${clock(o.window.start_at, z)}`;
  return (
    <Select label="Only with" value={gone ? '' : value} onChange={onChange} error={error} help={value && !gone ? 'Wins together with that bid or after it, and ends if it ends without an award' : bids?.cut ? `Only the newest ${formatCount(bids.rows.length)} open bids are offered here` : undefined}
      options={[{ value: '', label: 'No other bid: it stands alone' }, ...parents.map((o) => ({ value: o.id, label: name(o) }))]} />
  );
}
