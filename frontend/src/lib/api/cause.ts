// Why less was delivered than was awarded: the causes of receipts, in words.

/** The receipt says so of what was taken in the slot itself. */
export const DRAWN = 'drawn_in_slot';
const CAUSES: Record<string, string> = {
  move_failed: 'its workload could not be moved', swap_in_progress: 'it came late, or in part', late_or_partial: 'it came late, or in part',
  exchange_outage: 'the exchange stood still', exchange_failed: 'by the exchange’s own doing: it ended the swap, or the swap came late because a person answered late', buyer_not_served: 'it did not reach its buyer',
  recalled: 'its lender took it back', [DRAWN]: 'taken later in the slot: what was before that is not charged',
  kept_by_program: 'the workload’s own program kept it', no_instance: 'the workload is gone',
};
/** Unknown causes are shown as they are. */
export const causeWords = (cause: string): string => CAUSES[cause] ?? cause.replaceAll('_', ' ');
