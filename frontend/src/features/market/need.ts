// A need as it is typed, and as it is costed.
import { readDecimal, readQuantity, shown, type Typed } from '@/lib/money';
import type { Need } from './rank';

export const amountOf = readQuantity;
export function secondsOf(minutes: string): Typed<number> {
  const { value, fault } = readDecimal(minutes, 3);
  return { value: value === null ? null : (Number(value) * 60) / 1000, fault };
}

/** Nothing typed is none of it, for one slot; a text that is no number is not taken for one. */
export function needOf(resource: string, amount: string, minutes: string, slotSeconds: number): Need {
  const quantity = amountOf(resource, amount);
  const seconds = secondsOf(minutes);
  return {
    resource, slotSeconds, amount: quantity.fault ? null : shown(resource, quantity.value ?? 0),
    slots: seconds.fault ? null : Math.max(1, Math.ceil((seconds.value ?? 0) / slotSeconds)),
  };
}
