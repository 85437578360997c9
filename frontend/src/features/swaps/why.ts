import type { SwapCause } from '@/lib/api';
import { asMicro, formatMoney, micro, signed } from '@/lib/money';

const TEXTS: Record<string, string> = {
  won: 'has won it', lent: 'lends it', sold: 'had won it, later bids have it', recalled: 'taken back by who had lent it', taken_back: 'taken back of what it had lent',
  stayed: 'won on another node, can’t be moved there now',
};
/** One phrase for a row; kinds of later versions are shown as they are. */
export function causeText(cause: Pick<SwapCause, 'kind' | 'pool'>): string {
  const text = TEXTS[cause.kind] ?? cause.kind.replaceAll('_', ' ');
  const mayGo = cause.pool.endsWith('~recallable') && ['won', 'lent'].includes(cause.kind);
  return mayGo ? `${text}, may be taken back` : text;
}

/** What its owner gets (+) or pays (−) for the slot; what was taken back is on the receipt. */
export function moneyText(cause: Pick<SwapCause, 'pays' | 'is_paid'>): string {
  const net = asMicro(micro(cause.is_paid) - micro(cause.pays));
  return net === 0n ? '–' : signed(formatMoney(net));
}
