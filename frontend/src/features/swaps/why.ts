import type { SwapCause } from '@/lib/api';
import { asMicro, formatMoney, micro, signed } from '@/lib/money';

const TEXTS: Record<string, string> = {
  won: 'has won it', drawn: 'taken at once, in the slot itself', lent: 'lends it', sold: 'had won it, later bids have it', recalled: 'taken back by who had lent it', taken_back: 'taken back of what it had lent',
  drained: 'its node is drained, and this baseline goes to another one',
  relocated: 'goes to a pool that is its own from then on',
  stayed: 'won on another node, can’t be moved there now',
  rolled: 'goes on with it, no round was held', lent_on: 'goes on lending it, no round was held',
};
const RULES: Record<string, string> = { score: 'its score is better there', risk: 'its need may pass what its pool can give' };
const LEFT_OUT: Record<string, string> = {
  LETS_GO: 'its strategy lets go', PRICE_BEYOND_LIMIT: 'the administered price is above its limit', INSUFFICIENT_FUNDS: 'too little is available', PROJECT_EXHAUSTED: 'its project has too little left',
  NO_HOST_FITS: 'its node has no room for it', WORKLOAD_LIMIT: 'above its own limits', LEAVES_NODE: 'it is on another node then', ELSEWHERE: 'it had it in another pool', NO_PRICE: 'it never had a price',
};
/** One phrase for a row; kinds of later versions are shown as they are. */
export function causeText(cause: Pick<SwapCause, 'kind' | 'pool' | 'left_out' | 'rule'>): string {
  if (cause.kind === 'not_rolled') return `no round was held, and it does not go on with it: ${LEFT_OUT[cause.left_out ?? ''] ?? 'its slot is over'}`;
  if (cause.kind === 'relocated') return `${TEXTS.relocated}: ${RULES[cause.rule ?? ''] ?? 'a rule asked for it'}`;
  const text = TEXTS[cause.kind] ?? cause.kind.replaceAll('_', ' ');
  const mayGo = cause.pool.endsWith('~recallable') && ['won', 'lent'].includes(cause.kind);
  return mayGo ? `${text}, may be taken back` : text;
}

/** What its owner gets (+) or pays (−) for the slot; what was taken back is on the receipt. */
export function moneyText(cause: Pick<SwapCause, 'pays' | 'is_paid'> & { kind?: string }): string {
  const net = asMicro(micro(cause.is_paid) - micro(cause.pays));
  if (net === 0n) return '–';
  // That of a whole slot; its receipt says for which part of it it was there.
  return `${cause.kind === 'drawn' ? 'at most ' : ''}${signed(formatMoney(net))}`;
}
