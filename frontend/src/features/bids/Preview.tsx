import { Button, KeyFigure, Note, When } from '@/components/ui';
import { asProblem, asSaid, type OrderBody, type Preview as Data } from '@/lib/api';
import { withMod } from '@/lib/keys';
import { asMicro, formatCount, formatMoney, formatPercent, micro } from '@/lib/money';
import { zone } from '@/lib/time';
import { expectationOf, outText, priceText } from './expectation';
import type { Placing } from './usePlace';

interface Props { side: 'bid' | 'offer'; preview?: Data; fault: unknown; stale: boolean; order: OrderBody | null; placing: Placing; /** There is no workload that it could be for. */ lacks: boolean; /** It holds more than is available. */ beyond: boolean; /** Nobody has typed anything yet: what the ticket opened with is no fault of theirs. */ calm: boolean }
/** What the server says of too little money: said here at more length. */
const REFUSED = /^The hold of .* would be refused\.$/;
const NO_PRICE = 'no price yet';
const money = (text: string) => formatMoney(micro(text));

/** Three figures above the button, and the sum in it. */
export function Preview({ side, preview: last, fault, stale, order, placing, lacks, beyond, calm }: Props) {
  // Figures of an order that nobody asks for any more would be read as those of what stands above.
  const preview = order ? last : undefined;
  const problem = placing.problem ?? (fault ? asProblem(fault) : null);
  // The moments in what the server says are in the reader's clock.
  zone.use();
  const likely = order && preview ? expectationOf(side, preview, order) : null;
  const runs = !!order && order.min_run_slots > 0;
  const run = runs && preview?.slots ? ` for ${preview.slots === 1 ? '1 slot' : `${preview.slots} slots`}` : '';
  const all = !runs && preview?.slots && preview.slots > 1 ? ` of all ${preview.slots} slots` : '';
  const verb = side === 'bid' ? 'Place bid' : 'Place offer';
  return (
    <div className="pad col g8 border-t border-border bg-surface-2">
      <h3 className="lab">{!order && lacks ? 'No preview: it needs a workload' : !order ? 'No preview: something above is still missing or to be mended' : !preview ? 'Preview' : preview.basis === 'recent_slots' ? `Preview${all}, from the prices of the latest ${formatCount(preview.basis_slots)} ${preview.basis_slots === 1 ? 'slot' : 'slots'}` : preview.expected == null ? `Preview${all}` : `Preview${all}, at the last prices`}</h3>
      <div className={`row ${stale ? 'stale-data' : ''}`} style={{ gap: 20 }} aria-live="polite">
        <KeyFigure value={preview?.fill_probability == null ? '–' : formatPercent(preview.fill_probability)} label={preview?.fill_probability === null ? 'no history yet' : 'chance to fill'} />
        <KeyFigure value={likely && !likely.out ? formatMoney(likely.price) : '–'} label={preview && !likely ? NO_PRICE : likely?.out ? outText(side, likely.out) : `cr expected${run}`} />
        <KeyFigure value={order ? money(order.limit) : '–'} label={side === 'bid' ? 'cr at most' : 'cr at least, if lent'} />
      </div>
      {/* Above all that comes and goes with an answer: a button that moves under the pointer loses the click. */}
      <Button type="submit" kind="primary" size="lg" kbd={withMod('↩')} disabled={!order || beyond} busy={placing.busy}>
        {preview && order && side === 'bid' ? `${verb}, hold ${money(preview.hold)} cr` : verb}
      </Button>
      {problem && (calm && !placing.problem ? <Note tone="acc">{problem.said}</Note> : <div role="alert"><Note tone="bad">{problem.said}</Note></div>)}
      {preview && (
        <dl className="kv">
          {likely?.out && <><dt>{priceText(side, likely.out)}{run}</dt><dd>{formatMoney(likely.price)} cr</dd></>}
          {preview.basis === 'recent_slots' && preview.expected_low != null && preview.expected_high != null && <><dt>In 80 % of these slots</dt><dd>{money(preview.expected_low)}–{money(preview.expected_high)} cr</dd></>}
          <dt>At the last prices</dt><dd>{preview.last_cost == null ? NO_PRICE : `${money(preview.last_cost)} cr`}</dd>
          <dt>{side === 'bid' ? 'Held, the rest comes back' : 'Held'}</dt><dd>{money(preview.hold)}</dd>
          {preview.project_left !== null && <><dt>Left in its project</dt><dd>{money(preview.project_left)} cr</dd></>}
          <dt className="sum">Available after</dt><dd className="sum">{money(preview.available_after)} cr</dd>
        </dl>
      )}
      {beyond && preview && <Note tone="bad"><b>Not enough credits.</b> It holds {money(preview.hold)} cr until it wins or ends, and {formatMoney(asMicro(micro(preview.available_after) + micro(preview.hold)))} cr are available. Whoever operates this exchange grants credits; lending and sold-on capacity earn some, and cancelled bids give back what they hold.</Note>}
      {preview?.warnings.filter((w) => !(beyond && REFUSED.test(w))).map((w) => <Note key={w} tone="warn">{asSaid(w)}</Note>)}
      {placing.problem?.unsure && order && !placing.same(order) && <Note tone="warn">What stands above is no longer what was sent. Placed now it is another order beside that one: look at your orders first.</Note>}
      <span className="s11 t3 c">You can undo for 5 s.{preview && <> It first counts in round {formatCount(preview.round)}; the gate closes at <When at={preview.gate_closes_at} />.</>}</span>
    </div>
  );
}
