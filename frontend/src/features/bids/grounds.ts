// Why an automatic order was placed, in one sentence. Moments stay as the wire has them; `Said` shows them.
import type { Grounds, GroundsInput, Order } from '@/lib/api';
import { exactPrice, formatMoney, formatPercent, formatQuantity, micro, RESOURCES, unitOf } from '@/lib/money';

type Inputs = [resource: string, input: GroundsInput][];

const inputsOf = (g: Grounds): Inputs => Object.entries(g.inputs).sort(([a], [b]) => RESOURCES.indexOf(a) - RESOURCES.indexOf(b));
/** "1.4 cores and 2 GiB" */
const amounts = (inputs: Inputs, of: (i: GroundsInput) => number) => inputs.map(([r, i]) => formatQuantity(r, of(i))).join(' and ');
/** "4 cr a core and 0.2 cr a GiB" */
const prices = (inputs: Inputs) => inputs.flatMap(([r, i]) => (i.price ? [`${exactPrice(r, i.price)} cr a ${unitOf(r).one}`] : [])).join(' and ');
const percent = (share: string) => { const value = Number(share); return formatPercent(value, Number.isInteger(Math.round(value * 1e6) / 1e4) ? 0 : 1); };

const needs = (i: GroundsInput) => Math.max(i.needed ?? 0, i.hinted ?? 0);
const has = (i: GroundsInput) => i.baseline + (i.already ?? 0);

/** By what it knew so, in brackets; nothing where no forecast was asked. */
function source(g: Grounds): string {
  const hinted = Object.values(g.inputs).some((i) => (i.hinted ?? 0) > (i.needed ?? 0));
  const forecast = g.forecast && `forecast${g.forecast.model ? ` ${g.forecast.model}` : ''} of ${g.forecast.seen_until}${g.level ? `, ${percent(g.level)} level${g.each ? ' of all together' : ''}` : ''}`;
  const said = [forecast, hinted && 'a hint'].filter(Boolean).join(', and ');
  return said && ` (${said})`;
}

function bidText(g: Grounds, inputs: Inputs): string {
  const most = inputs.filter(([, i]) => i.limit !== undefined && i.limit !== null);
  const bound = most.length > 0 ? `, may have ${amounts(most, (i) => i.limit ?? 0)} at most` : '';
  const chance = g.chance ? ` with a chance of ${percent(g.chance)}` : '';
  return `bids, as it needs up to ${amounts(inputs, needs)}${chance}${source(g)}, is to have ${amounts(inputs, has)}${bound}, and to be short for a slot costs ${prices(inputs)}.`;
}

function offerText(g: Grounds, inputs: Inputs): string {
  const floor = inputs.filter(([, i]) => (i.floor ?? 0) > 0);
  const already = inputs.filter(([, i]) => (i.already ?? 0) > 0);
  const kept = `of its ${amounts(inputs, (i) => i.baseline)} it needs at most ${amounts(inputs, needs)}${source(g)}`;
  return `lends what it will not need: ${kept}${floor.length > 0 ? `, its floor is ${amounts(floor, (i) => i.floor ?? 0)}` : ''}${already.length > 0 ? `, ${amounts(already, (i) => i.already ?? 0)} of the slot were lent or offered before` : ''}, and it asks for ${prices(inputs)} and slot at least.`;
}

const TEXTS: Record<string, (g: Grounds, inputs: Inputs) => string> = {
  auto_bid: bidText,
  resume: (_, inputs) => `bids, as it stands still: it needs ${amounts(inputs, needs)} to go on, is to have ${amounts(inputs, has)}, and to be short for a slot costs ${prices(inputs)}.`,
  buy_back: (g, inputs) => `buys back what it has lent: it will rather need ${amounts(inputs, needs)} than not${source(g)}, is to have ${amounts(inputs, has)}, and pays no more than its part of the ${formatMoney(micro(g.proceeds ?? '0'))} cr that lending has brought.`,
  auto_offer: offerText,
  draws: (_, inputs) => `takes at once what it lacks: ${amounts(inputs, (i) => i.lacked ?? 0)} by what was measured${prices(inputs) && `, at ${prices(inputs)} and slot at most`}.`,
};

/** Rules of later versions are not explained, but said to be one. */
export function groundsText({ grounds: g }: Pick<Order, 'grounds'>): string | null {
  if (!g) return null;
  const text = TEXTS[g.rule]?.(g, inputsOf(g)) ?? `has placed it by a rule that this page does not know: ${g.rule.replaceAll('_', ' ')}.`;
  return `The strategy of its workload, version ${g.strategy_version}, ${text}`;
}
