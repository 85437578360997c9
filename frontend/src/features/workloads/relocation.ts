// What is said of a workload that gets another pool as its own by a rule.
import type { Relocation } from '@/lib/api';
import { formatMoney, formatPercent, micro } from '@/lib/money';

const money = (text: string) => formatMoney(micro(text));
const chance = (r: Relocation) => formatPercent(Number(micro(r.shortage_chance)) / 1e6);

/** Why it goes, with the numbers of its rule. */
function whyText(r: Relocation): string {
  if (r.rule === 'risk') return `its need passes what ${r.pool_from} can give with a chance of ${chance(r)} or more`;
  return `its score is ${money(r.score_there)} there and ${money(r.score_at_home)} here, which gains ${money(r.gain)} a slot`;
}
/** One sentence of a relocation that is pending; `until` as the page shows times. */
export const pendingText = (r: Relocation, until: string): string =>
  (r.swap ? `It moves to ${r.pool_to}: ${whyText(r)}.` : `It moves to ${r.pool_to} once it holds nothing that it won or lends, by ${until} at the latest: ${whyText(r)}.`);

const ENDS: Record<string, string> = { done: 'done', failed: 'its move failed, and it stayed', expired: 'it could not leave in time, and stayed', withdrawn: 'withdrawn by its owner' };
/** The last one, and what became of it. */
export const lastText = (r: Relocation): string =>
  `${r.pool_from} to ${r.pool_to}, by ${r.rule === 'risk' ? 'risk' : 'score'}, ${money(r.gain)} a slot: ${ENDS[r.ended?.end ?? ''] ?? r.ended?.end ?? 'pending'}`;
