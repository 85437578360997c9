// The limit, by typing, dragging or one of four chances. It is per slot here and whole on the wire.
import { useId } from 'react';
import { Button, NumberField } from '@/components/ui';
import type { OrderBody, Preview } from '@/lib/api';
import { formatMoney, formatPercent, micro, readMicro, toNumber } from '@/lib/money';
import { perSlot } from './order';
import { chancesOf, type Fields, lessThanPrices, plain } from './draftOrder';
import { FillCurve } from './FillCurve';

interface Props { fields: Fields; slots: number; set: (change: Partial<Fields>) => void; fault?: string; /** What is typed as an order; null while a field has a fault. */ order: OrderBody | null; preview?: Preview; suggestion: string; /** Why no limit is proposed; empty where one is. */ nameless: string }

export function LimitField({ fields, slots, set, fault, order, preview, suggestion, nameless }: Props) {
  const id = useId();
  const typed = readMicro(fields.limit).value;
  const limit = typed === null ? null : toNumber(typed, 6);
  const bid = fields.side === 'bid';
  const choose = (limit: string) => set({ limit, proposed: false });
  const chances = chancesOf(preview, slots);
  const points = chances.map((c) => ({ p: c.probability, limit: toNumber(c.limit, 6) }));
  const low = Math.min(...points.map((c) => c.limit), Number.POSITIVE_INFINITY) * 0.88;
  const high = Math.max(...points.map((c) => c.limit), 0) * 1.06;
  const expected = preview?.expected != null ? toNumber(perSlot(preview.expected, preview.slots ?? slots), 6) : null;
  const rule = bid ? 'You pay the clearing price, never more than this' : 'You receive the clearing price, never less than this';
  const whole = order && slots > 1 ? `For all ${slots} slots ${formatMoney(micro(order.limit))} cr, the limit of the whole order in the API. ` : '';
  const hint = nameless ? `${nameless} ${rule}.` : fields.proposed && suggestion ? `Proposed from the latest prices. ${rule}.` : `${whole}${rule}`;
  return (
    <>
      <div className="row g8 items-end">
        <NumberField className="sp" label={bid ? 'Limit for each slot, all of the above' : 'Least you take for all of it'} unit="cr/slot" value={fields.limit} onChange={choose} error={fault} />
        {suggestion && !fields.proposed && suggestion !== fields.limit && <Button onClick={() => set({ limit: suggestion, proposed: true })}>Propose {suggestion}</Button>}
      </div>
      <span className="help">{hint}</span>
      {high > low && points.length > 1 && (
        <div>
          <label htmlFor={id} className="lab row">Chance by prices alone, by limit <span className="sp" />drag</label>
          <FillCurve points={points} low={low} high={high} limit={limit} expected={expected} now={(order && preview?.fill_probability) ?? null} />
          <input id={id} type="range" className="w-full accent-[var(--accent)]" min={low} max={high} step={(high - low) / 200} value={Math.min(high, Math.max(low, limit ?? low))}
            onChange={(e) => choose(Number(e.target.value).toFixed(high < 0.001 ? 6 : high < 0.1 ? 4 : 2))} aria-valuetext={limit === null ? 'no limit' : `${fields.limit} credits a slot`} />
        </div>
      )}
      {chances.length > 0 && (
        <div className="row g4" role="group" aria-label="Limit by its chance, by prices alone">
          {chances.map((c) => (
            <button key={c.probability} type="button" className="step" onClick={() => choose(plain(c.limit))}>
              <span className="s11 t3 block">{formatPercent(c.probability)} by price</span><b>{formatMoney(c.limit)}</b>
            </button>
          ))}
        </div>
      )}
      {order && lessThanPrices(preview, chances, typed, bid) && <span className="help">By price: how often the latest slots’ prices met it. What there is of it says less: see the chance below.</span>}
    </>
  );
}
