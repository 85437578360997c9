import { store } from '@/lib/store';
import { serverNow } from '@/lib/time';

export interface Toast {
  id: number; tone: 'ok' | 'warn' | 'bad'; title: string; detail?: string;
  /** Offered for `seconds`; then the toast goes. */
  action?: { label: string; run: () => void };
  seconds: number; at: number;
}
export const toasts = store<Toast[]>([]);
let next = 1;

export const dismiss = (id: number) => toasts.set(toasts.get().filter((t) => t.id !== id));

/** At most three at a time: a fourth pushes out the oldest. */
export function toast(t: Omit<Toast, 'id' | 'seconds' | 'at'> & { seconds?: number }): number {
  const full: Toast = { seconds: t.tone === 'bad' ? 12 : 5, ...t, id: next++, at: serverNow() };
  toasts.set([...toasts.get().slice(-2), full]);
  setTimeout(() => dismiss(full.id), full.seconds * 1000);
  return full.id;
}
