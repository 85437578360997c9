import type { Swap, SwapCause } from '@/lib/api';
import { asMicro, formatMoney, type Micro, micro, signed } from '@/lib/money';

const TEXTS: Record<string, string> = {
  won: 'won it', lent: 'lends it', sold: 'had won it, sold on to a later bid', recalled: 'bought as recallable, its lender took it back', taken_back: 'had lent it, takes it back',
  stayed: 'won on another node, can’t be moved there now', ended: 'won earlier, over now', returned: 'lent earlier, comes back',
};
/** One phrase for a row; kinds of later versions are shown as they are. */
export function causeText(cause: Pick<SwapCause, 'kind'>, swap: Pick<Swap, 'node_from' | 'node_to'>): string {
  if (cause.kind === 'won' && swap.node_from !== swap.node_to) return 'won it, where there is room for it';
  return TEXTS[cause.kind] ?? cause.kind.replaceAll('_', ' ');
}

/** What its owner gets (+) or pays (−) for the slot; what was taken back or is over brings and costs nothing any more. */
export function moneyText(cause: Pick<SwapCause, 'kind' | 'money'>, format: (value: Micro) => string = formatMoney): string {
  const amount = micro(cause.money);
  if (amount === 0n || !['won', 'lent', 'sold'].includes(cause.kind)) return '–';
  return signed(format(asMicro(cause.kind === 'won' ? -amount : amount)));
}
