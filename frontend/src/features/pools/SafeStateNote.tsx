// While no rounds are held: what workloads go on with, and at what price.
import { Note } from '@/components/ui';
import type { AdministeredPrice, Pool, SafeState } from '@/lib/api';
import { formatCount, formatPrice, unitOf, unitPrice } from '@/lib/money';
import { clock, zone } from '@/lib/time';

const BASIS: Record<string, string> = { hour: 'the mean of this hour in 28 days', all_hours: 'the mean of 28 days', slot_before: 'the price of the slot before' };

/** Of which price it is: a mean under the reserve price, or over the price band, counts as that. */
export function basisText(price: Pick<AdministeredPrice, 'basis' | 'slots' | 'bound'>): string {
  const mean = `${BASIS[price.basis] ?? price.basis.replaceAll('_', ' ')}${price.slots > 1 ? ` (${formatCount(price.slots)} slots)` : ''}`;
  if (price.bound === 'reserve') return `the reserve price, as ${mean} is under it`;
  return price.bound === 'price_band' ? `the top of the price band, as ${mean} is above it` : mean;
}

/** Whether slots of a pool begin without a round, or are about to. */
export const isSafeState = (pool: Pool): boolean => pool.safe_state !== null && (pool.halted !== null || pool.safe_state.without_rounds_since !== null);

function Rate({ state, resource }: { state: SafeState; resource: string }) {
  const price = state.prices.find((p) => p.resource === resource);
  if (!price) return <>Nobody has a price for it yet, so nothing of it goes on.</>;
  const { one } = unitOf(resource);
  return <>What workloads have goes on slot by slot at <b>{formatPrice(unitPrice(resource, price.price))} cr</b> a {one}, {basisText(price)}, where their limits and balances allow it.</>;
}

export function SafeStateNote({ pool, resource }: { pool: Pool; resource: string }) {
  const z = zone.use();
  const state = pool.safe_state;
  if (!state || !isSafeState(pool)) return null;
  const since = state.without_rounds_since;
  return (
    <Note tone="warn">
      {since ? <>No rounds have been held for slots from <b>{clock(since, z)}</b> on. </> : <>No rounds are held for the slots that come. </>}
      <Rate state={state} resource={resource} />
      {state.slots_rolled > 0 && <> {formatCount(state.slots_rolled)} {state.slots_rolled === 1 ? 'slot' : 'slots'} of this pool {state.slots_rolled === 1 ? 'has' : 'have'} begun so, ever.</>}
    </Note>
  );
}
