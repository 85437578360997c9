import { type Column, DataTable, Panel, Price } from '@/components/ui';
import { type Pool, resourceOf, type ScarcityStep } from '@/lib/api';
import { formatPercent, formatPrice, formatRough, unitOf, unitPrice } from '@/lib/money';
import { clock, zone } from '@/lib/time';

/** The operator's supply of the next open slot, step by step, with the chance that it will be missed. */
export function ScarcityPanel({ pool, resource }: { pool: Pool; resource: string }) {
  const z = zone.use();
  const scarcity = resourceOf(pool, resource)?.scarcity;
  if (!scarcity) return null;
  const unit = unitOf(resource);
  const columns: Column<ScarcityStep>[] = [
    { id: 'quantity', head: 'For sale', right: true, cell: (s) => <span className="m">{formatRough(resource, s.quantity)}</span>, value: (s) => s.quantity },
    { id: 'price', head: `cr/${unit.one}·slot`, right: true, cell: (s) => <span className="m"><Price value={s.price} resource={resource} /></span>, value: (s) => s.price },
    { id: 'reserve', head: 'Reserve price', right: true, cell: (s) => <span className="m t3"><Price value={s.reserve} resource={resource} /></span>, value: (s) => s.reserve },
    { id: 'remaining', head: 'Left after it', right: true, cell: (s) => <span className="m">{formatRough(resource, s.remaining)}</span>, value: (s) => s.remaining },
    { id: 'chance', head: 'Chance of shortage', right: true, cell: (s) => <span className="m">{formatPercent(s.chance)}</span>, value: (s) => s.chance },
  ];
  return (
    <Panel title={`Operator supply at ${clock(pool.next_slot, z)}`}
      footer={<span className="s12 t2">A {unit.one} costs its reserve price, and {formatPrice(unitPrice(resource, scarcity.shortage_cost))} cr times the chance that demand exceeds its forecast by more than what is left.</span>}>
      {scarcity.steps.length > 0
        ? <DataTable label="Operator supply by chance of shortage" columns={columns} rows={scarcity.steps} rowKey={(s) => String(s.remaining)} />
        : <p className="pad s12 t2">{scarcity.recorded_at ? 'All that is released so far is sold.' : 'Too few slots have been forecast to say how likely a shortage is: reserve prices count alone.'}</p>}
    </Panel>
  );
}
