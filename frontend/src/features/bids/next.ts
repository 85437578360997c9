// What whoever placed an order can do about a reason, in one sentence; nothing for a reason that this page does not know.
import type { Order } from '@/lib/api';

const NEXT: Record<string, string> = {
  HALTED: 'Wait until the pool trades again, or bid in another pool.',
  INELIGIBLE: 'Tell the operator, and place another order: this should not happen.',
  NO_VACATE_PATH: 'Let its workload show that it gives memory back: press Drill on its page.',
  FROZEN_HOLD_TIME: 'Wait until its workload may be moved again, or ask for a later window.',
  FLOOR_PROTECTED: 'Lend less, or have the workload’s floor lowered.',
  THRASH_LIMIT: 'Ask for less in this slot, or let the workload’s strategy change more.',
  INTERRUPTED: 'Nothing need be done: the next round decides without the band.',
  OUT_OF_MONEY: 'Raise the limit, or wait: prices change from round to round.',
  TIE: 'A slightly higher limit comes before all who bid the same.',
  NO_ROOM: 'Make it divisible, in smaller or more lots; or wait for more supply in a later round.',
  NO_HOST: 'Ask for less, for more and smaller replicas, or for another pool; a workload that may be moved has more nodes.',
  BLOCK: 'Accept a part of it, name fewer alternatives, or raise the limit.',
  ROUND_FULL: 'Nothing need be done: it goes first in the next round.',
  ABOVE_INSTANCE_LIMIT: 'Cancel an earlier bid for this workload, or ask for less.',
  WORKLOAD_AWAY: 'Wait until its workload is home, or cancel the bid that carries it away.',
  RELOCATING: 'Wait until its workload is in its new pool, or place an order by hand to keep it.',
  NEEDED_AT_HOME: 'Choose another window, or stop lending for this workload.',
  TOO_MANY_AWARDS: 'Wait until slots are settled, and place fewer and larger orders.',
  LEAVES_NODE: 'Offer for an earlier slot, or again once the workload is on its new node.',
  TOOK_BACK: 'Offer for another slot, or offer firmly.',
};
/** What is another thing to do for somebody who lends. */
const OFFER_NEXT: Record<string, string> = {
  HALTED: 'Wait until the pool trades again.', OUT_OF_MONEY: 'Ask for less, or wait: prices change from round to round.', TIE: 'A slightly lower limit comes before all who ask the same.',
  NO_ROOM: 'Ask for less, or wait: nobody took so much at these prices.', WORKLOAD_AWAY: 'Wait until its workload is home.', FROZEN_HOLD_TIME: 'Wait until its workload may be changed again, or offer for a later slot.',
};

/** The reasons that there is something to say about; the tests compare them with those of the server. */
export const WITH_NEXT = Object.keys(NEXT);
export const nextText = (reason: string, side: Order['side'] = 'bid'): string | null => (side === 'offer' ? OFFER_NEXT[reason] : undefined) ?? NEXT[reason] ?? null;
