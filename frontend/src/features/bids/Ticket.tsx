// The bid ticket: what, when, for at most how much; below it what would happen if the round closed now.
import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { Panel, Segmented } from '@/components/ui';
import { type Instance, type List, type Pool, type PoolResource, useMe, useResource } from '@/lib/api';
import { useBegun } from '@/lib/edit';
import { asMicro, cost, micro, nano, readQuantity, shown, unitOf } from '@/lib/money';
import { useAskedFocus } from '@/lib/ticket';
import { nextSlot, useNow } from '@/lib/time';
import { carried, check, type Fields, homeOf, mayChange, orderOf, plain, slotCount, suggested, worthSaying } from './draftOrder';
import { LimitField } from './LimitField';
import { Preview } from './Preview';
import { TicketFields } from './TicketFields';
import { usePlace } from './usePlace';
import { usePreview } from './usePreview';

/** Something to ask the preview with, where nothing has a price yet. */
const SOME_LIMIT = '0.01';

/** Something to ask the preview with; its answer replaces it before anybody sees much of it. */
function firstLimit(pool: Pool, amounts: Fields['amounts']): string {
  const part = (r: PoolResource) => cost(nano(r.price?.price ?? r.reserve ?? r.reference), readQuantity(r.resource, amounts[r.resource] ?? '').value ?? 0);
  const sum = pool.resources.map(part).reduce((a, b) => a + b, 0n);
  return sum > 0n ? plain(asMicro(sum * 106n / 100n)) : SOME_LIMIT;
}

/** Nothing is left empty: a 0 would be a fault that nobody has typed. */
const typedOf = (amount: number) => (amount > 0 ? String(amount) : '');

/** A small part of what the pool has, so that a first bid is neither refused nor laughable. What is seldom asked for together is left to people. */
function firstFields(pool: Pool, start: number): Fields {
  const some = (r: PoolResource, most: number) => typedOf(Math.min(most, Math.round((r.capacity / unitOf(r.resource).per) * 10) / 100));
  const usual: Record<string, number> = { cpu_milli: 2, mem_mib: 4 };
  const asked = pool.resources.filter((r) => r.resource in usual);
  const amounts = Object.fromEntries(asked.map((r) => [r.resource, some(r, usual[r.resource] ?? 0)]));
  const [only] = pool.resources;
  if (asked.length === 0 && only) amounts[only.resource] = '1';
  return { side: 'bid', amounts, start, slots: '1', limit: firstLimit(pool, amounts), allOrNone: false, instance: '', project: '', parent: '', minRun: '', stays: false, homeToo: false, proposed: true };
}

/** Half of what the workload may still grow by, or lend without going under its floor: more would be refused. */
function firstFor(i: Instance, pool: Pool, side: Fields['side']): Partial<Fields> {
  const half = (r: string) => (r === 'gpu_milli' ? Math.floor(mayChange(i, side, r) / 2 / unitOf(r).per) : Math.floor((mayChange(i, side, r) / 2 / unitOf(r).per) * 100) / 100);
  const amounts = Object.fromEntries(pool.resources.filter((r) => r.resource in i.baseline).map((r) => [r.resource, typedOf(half(r.resource))]));
  return { instance: i.id, amounts, limit: firstLimit(pool, amounts) };
}

/** `resource`: what the page shows; its field is the first, and a price that is picked there is of it. */
export function Ticket({ pool, resource, unitPrice }: { pool: Pool; resource: string; unitPrice: number | null }) {
  const me = useMe();
  const form = useRef<HTMLFormElement>(null);
  useAskedFocus(form);
  const market = me?.market ?? { slot_seconds: 300, round_seconds: 10, lead_seconds: 60, horizon_slots: 6 };
  const first = nextSlot(useNow(), market.slot_seconds, market.lead_seconds);
  const [begun, setBegun] = useBegun<{ fields: Fields; touched: ReadonlySet<string> }>(`ticket ${pool.slug}`);
  const [fields, setFields] = useState<Fields>(() => begun?.fields ?? firstFields(pool, first));
  const set = (change: Partial<Fields>) => setFields((f) => ({ ...f, ...change }));
  const [touched, touch] = useState<ReadonlySet<string>>(() => begun?.touched ?? new Set());
  // What somebody has typed is there again when they come back to this pool.
  useEffect(() => { if (touched.size > 0) setBegun({ fields, touched }); }, [fields, touched]);
  const type = (change: Partial<Fields>) => { touch((before) => new Set([...before, ...Object.keys(change)])); set(change); };
  // The gate closes while people think: a start that has passed moves on by itself.
  useEffect(() => { if (fields.start < first) set({ start: first }); }, [fields.start, first]);
  // Capacity without a workload is seldom what is meant: the first of mine in this pool is proposed.
  const mine = useResource<List<Instance>>('/instances', { limit: 200 }).data?.data;
  const proposed = mine?.find((i) => i.pool === homeOf(pool) && i.state === 'running');
  useEffect(() => { if (proposed && !touched.has('instance')) setFields((f) => (f.instance ? f : { ...f, ...firstFor(proposed, pool, f.side) })); }, [proposed?.id]);
  // A level clicked in the crossing is a price per unit; the bundle's limit follows from it.
  useEffect(() => { if (unitPrice !== null) set({ limit: plain(asMicro(BigInt(Math.round(unitPrice * shown(resource, readQuantity(resource, fields.amounts[resource] ?? '').value || unitOf(resource).per) * 1_000_000)))), proposed: false }); }, [unitPrice]);
  const turn = (side: Fields['side']) => {
    const instance = mine?.find((i) => i.id === fields.instance);
    set({ ...(instance ? firstFor(instance, pool, side) : {}), side, proposed: true });
  };
  // Where the list is there and has none to choose, the ticket says what to do instead of what to fill in.
  const lacks = mine !== undefined && (fields.side === 'offer' || !!pool.recallable_of) && !mine.some((i) => i.pool === homeOf(pool));
  const startIndex = Math.round((fields.start - first) / (market.slot_seconds * 1000));
  const slots = slotCount(fields, market);
  const bounds = { pool, instance: mine?.find((i) => i.id === fields.instance) };
  const order = orderOf(fields, bounds, market, startIndex);
  const preview = usePreview(fields.side, order, market.round_seconds * 1000);
  // Until the answer to what is typed now is there, the last one counts.
  const beyond = fields.side === 'bid' && preview.data !== undefined && micro(preview.data.available_after) < 0n;
  const place = usePlace(fields.side, () => { touch(new Set()); setBegun(null); });
  // What the preview says a limit should be; put in once for each bundle and time, so that nothing
  // changes under the hand of somebody who is about to place it.
  const proposal = preview.fresh && preview.data ? suggested(fields.side, preview.data, slots) : null;
  const text = proposal === null ? '' : plain(proposal);
  const asked = JSON.stringify([fields.side, fields.amounts, fields.start, fields.slots, fields.minRun, fields.instance]);
  const answered = useRef('');
  useEffect(() => {
    if (!text || !fields.proposed || answered.current === asked) return;
    answered.current = asked;
    setFields((f) => ({ ...f, limit: text }));
  }, [text, asked, fields.proposed]);
  const submit = (e?: FormEvent) => { e?.preventDefault(); if (order && !place.busy && !beyond) place.run(order); };
  // Enter ends typing and places nothing: only the button does, and Enter with the command key, once for each time it is pressed.
  const press = (e: KeyboardEvent) => {
    const meant = e.metaKey || e.ctrlKey;
    if (e.key !== 'Enter' || !(meant || e.target instanceof HTMLInputElement)) return;
    e.preventDefault();
    if (meant && !e.repeat) submit();
  };
  const faults = worthSaying(check(fields, market, startIndex, bounds), fields, touched);
  return (
    <form ref={form} onSubmit={submit} onKeyDown={press} aria-label="Order ticket">
      <Panel>
        <div className="pad border-b border-border">
          <Segmented label="Side" value={fields.side} options={[{ value: 'bid', label: '▲ Bid for capacity' }, { value: 'offer', label: '▼ Offer mine' }]} onChange={turn} />
        </div>
        <div className="pad col g8">
          <TicketFields fields={fields} slots={slots} set={type} faults={faults} first={first} market={market} pool={pool} resource={resource} instances={mine ?? []} lacks={lacks} away={carried(fields, bounds)} refused={place.problem?.field('/parent')} />
          <LimitField fields={fields} slots={slots} set={type} fault={faults.limit ?? place.problem?.field('/limit')} preview={preview.data} suggestion={text} />
        </div>
        <Preview side={fields.side} preview={preview.data} fault={preview.error} stale={preview.isPlaceholderData} order={order} placing={place} lacks={lacks} beyond={beyond} />
      </Panel>
    </form>
  );
}
