// A need as it is typed, and as it is costed.
import { tierText } from '@/lib/api';
import { readDecimal, readQuantity, shown, type Typed, unitOf } from '@/lib/money';
import type { Need } from './rank';

export function amountOf(resource: string, text: string): Typed<number> {
  const read = readQuantity(resource, text);
  return read.value === 0 ? { value: null, fault: 'More than 0' } : read;
}
/** At most as long as slots are open. */
export function secondsOf(minutes: string, openSeconds: number): Typed<number> {
  const { value, fault } = readDecimal(minutes, 3);
  const seconds = value === null ? null : (Number(value) * 60) / 1000;
  if (seconds === 0) return { value: null, fault: 'More than 0' };
  if (seconds !== null && seconds > openSeconds) return { value: null, fault: `At most ${Math.floor(openSeconds / 60)} min are open` };
  return { value: seconds, fault };
}

/** While what is typed can't be costed, the last need that could be stays the answer, and says that it is that. */
export function heldNeed(now: Need, before: Need | null): Need {
  const good = now.amount !== null && now.slots !== null;
  return good || !before || before.resource !== now.resource ? now : { ...before, held: true };
}

/** Nothing typed is none of it, for one slot; a text that is no number is not taken for one. */
export function needOf(resource: string, amount: string, minutes: string, slotSeconds: number, openSlots: number): Need {
  const quantity = amountOf(resource, amount);
  const seconds = secondsOf(minutes, slotSeconds * openSlots);
  return {
    resource, slotSeconds, amount: quantity.fault ? null : shown(resource, quantity.value ?? 0),
    slots: seconds.fault ? null : Math.max(1, Math.ceil((seconds.value ?? 0) / slotSeconds)),
  };
}

/** Why there is no pool to compare. */
export const untradedText = (resource: string, tier: string): string => `No pool ${tier ? `of the tier ${tierText(tier)}` : 'here'} trades ${unitOf(resource).label}.`;
