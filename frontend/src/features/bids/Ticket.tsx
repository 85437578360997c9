// The bid ticket: what, when, for at most how much; below it what would happen if the round closed now.
import { type FormEvent, type KeyboardEvent, useEffect, useLayoutEffect, useRef, useState } from 'react';
import { Panel, Segmented } from '@/components/ui';
import { type Allocation, type Instance, type List, type Pool, type Preview as PreviewData, useMay, useMe, usePreview, useResource } from '@/lib/api';
import { useBegun } from '@/lib/edit';
import { asMicro, micro, readQuantity, shown, unitOf } from '@/lib/money';
import { TICKET, useAskedFocus } from '@/lib/ticket';
import { nextSlot, useNow } from '@/lib/time';
import { carried, check, type Fields, homeOf, mayTrade, orderOf, partOf, plain, slotCount, suggested, worthSaying } from './draftOrder';
import { LimitField } from './LimitField';
import { firstFields, firstFor, firstLimit, hasRoom, refit, unpricedText, windowOf } from './opening';
import { Preview } from './Preview';
import { TicketFields } from './TicketFields';
import { usePlace } from './usePlace';

const NONE: Allocation[] = [];

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
  // What it has won already is no room any more; without an answer about that, its limit alone counts.
  const ahead = useResource<List<Allocation>>(useMay('allocations:read') ? '/allocations' : null);
  const coming = { allocations: ahead.data?.data ?? NONE, market };
  const [hopeless, setHopeless] = useState<ReadonlySet<string>>(new Set());
  const known = !!me && mine !== undefined && (ahead.data !== undefined || !ahead.loading);
  const fitting = known ? refit(fields, pool, mine.filter((i) => (i.pool === homeOf(pool) && i.state === 'running' && mayTrade(i, fields.side, pool)) || i.id === fields.instance), touched, coming, { hopeless, lastStart: first + (market.horizon_slots - 1) * market.slot_seconds * 1000 }) : null;
  const change = JSON.stringify(fitting);
  // Before anybody can type: an effect that came later would put it over what was typed meanwhile.
  useLayoutEffect(() => { if (fitting) set(fitting); }, [change]);
  // A level clicked in the crossing is a price per unit; the bundle's limit follows from it.
  useEffect(() => { if (unitPrice !== null) set({ lends: resource, limit: plain(asMicro(BigInt(Math.round(unitPrice * shown(resource, readQuantity(resource, fields.amounts[resource] ?? '').value || unitOf(resource).per) * 1_000_000)))), proposed: false }); }, [unitPrice]);
  const turn = (side: Fields['side']) => {
    const instance = mine?.find((i) => i.id === fields.instance && mayTrade(i, side, pool));
    const turned = { side, lends: resource, proposed: true };
    set({ ...(instance ? firstFor(instance, pool, { ...fields, ...turned }, coming) : mine ? { instance: '' } : {}), ...turned });
  };
  // Where the list is there and has none to choose, the ticket says what to do instead of what to fill in.
  const lacks = mine !== undefined && (fields.side === 'offer' || !!pool.recallable_of) && !mine.some((i) => i.pool === homeOf(pool) && mayTrade(i, fields.side, pool));
  const startIndex = Math.round((fields.start - first) / (market.slot_seconds * 1000));
  // An offer lends one resource: what is said of others does not count.
  const part = partOf(fields, pool);
  const slots = slotCount(fields, market);
  const bounds = { pool, instance: mine?.find((i) => i.id === fields.instance) };
  const order = orderOf(fields, bounds, market, startIndex);
  // A chance by limit is one of this bundle: what is said of another one is not drawn.
  const bundleIsGood = order !== null || orderOf({ ...fields, limit: '1' }, bounds, market, startIndex) !== null;
  const preview = usePreview<PreviewData>(`/${fields.side}s/preview`, order, market.round_seconds * 1000);
  // Until the answer to what is typed now is there, the last one counts.
  const beyond = fields.side === 'bid' && preview.data !== undefined && micro(preview.data.available_after) < 0n;
  const place = usePlace(fields.side, () => { touch(new Set()); setBegun(null); });
  // What the preview says a limit should be; put in once for each bundle and time, so that nothing
  // changes under the hand of somebody who is about to place it.
  const asked = JSON.stringify([fields.side, fields.lends, fields.amounts, fields.start, fields.slots, fields.minRun, fields.instance]);
  // The server knows best whether all of it has a price; without a limit it is not asked again for the same.
  const [unknown, setUnknown] = useState('');
  useEffect(() => { if (preview.fresh && preview.data) setUnknown(preview.data.last_cost == null ? asked : ''); }, [preview.fresh, preview.data]);
  const nameless = unpricedText(part, fields.amounts, unknown === asked);
  const proposal = preview.fresh && preview.data && !nameless ? suggested(fields.side, preview.data, slots) : null;
  const text = proposal === null ? '' : plain(proposal);
  // A limit of its own making is taken back where not all of it has a price, and made once it has.
  useLayoutEffect(() => { if (fields.proposed && (nameless || !fields.limit)) set({ limit: nameless ? '' : firstLimit(part, fields.amounts) }); }, [nameless, fields.proposed, fields.limit, asked]);
  const answered = useRef('');
  useLayoutEffect(() => {
    if (!text || !fields.proposed || answered.current === asked) return;
    answered.current = asked;
    setFields((f) => ({ ...f, limit: text }));
  }, [text, asked, fields.proposed]);
  // What it opened with wins nothing, though nearly every price would be met: another workload or slot may.
  const met = preview.data?.chances.at(-1)?.limit;
  const out = preview.fresh && fields.side === 'bid' && touched.size === 0 && !!order && met !== undefined && micro(order.limit) >= micro(met) && preview.data?.fill_probability === 0;
  useEffect(() => { if (out) setHopeless((before) => new Set([...before, windowOf(fields.instance, fields.start)])); }, [out, fields.instance, fields.start]);
  const submit = (e?: FormEvent) => { e?.preventDefault(); if (order && !place.busy && !beyond) place.run(order); };
  // Enter ends typing and places nothing: only the button does, and Enter with the command key, once for each time it is pressed.
  const press = (e: KeyboardEvent) => {
    const meant = e.metaKey || e.ctrlKey;
    if (e.key !== 'Enter' || !(meant || e.target instanceof HTMLInputElement)) return;
    e.preventDefault();
    if (meant && !e.repeat) submit();
  };
  const full = known && bounds.instance && !carried(fields, bounds) && !hasRoom(bounds.instance, pool, fields, coming) ? bounds.instance : undefined;
  const faults = worthSaying(check(fields, market, startIndex, bounds), fields, touched);
  return (
    <form ref={form} id={TICKET} tabIndex={-1} onSubmit={submit} onKeyDown={press} aria-label="Order ticket">
      <Panel>
        <div className="pad border-b border-border">
          <Segmented label="Side" value={fields.side} options={[{ value: 'bid', label: '▲ Bid for capacity' }, { value: 'offer', label: '▼ Offer mine' }]} onChange={turn} />
        </div>
        <div className="pad col g8">
          <TicketFields fields={fields} slots={slots} set={type} faults={faults} first={first} market={market} pool={pool} resource={resource} instances={mine ?? []} lacks={lacks} full={full} away={carried(fields, bounds)} />
          <LimitField fields={fields} slots={slots} set={type} fault={faults.limit ?? place.problem?.field('/limit')} order={order} preview={full || !bundleIsGood ? undefined : preview.data} suggestion={text} nameless={nameless} />
        </div>
        <Preview side={fields.side} preview={preview.data} fault={preview.error} stale={preview.isPlaceholderData} order={order} placing={place} lacks={lacks} beyond={beyond} calm={touched.size === 0} />
      </Panel>
    </form>
  );
}
