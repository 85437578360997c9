// Somebody has pressed the key for a new bid: the ticket that shows up next takes the focus.
import { useEffect, type RefObject } from 'react';
import { store } from './store';

/** Its id, by which a page leads to it. */
export const TICKET = 'ticket';
/** When; 0 for not at all. */
export const ticketAsked = store(0);
/** A ticket that took longer than this to appear does not take the focus from whatever has it by then. */
const PATIENCE_MS = 10_000;

export function useAskedFocus(form: RefObject<HTMLElement | null>) {
  const asked = ticketAsked.use();
  useEffect(() => {
    if (!asked) return;
    ticketAsked.set(0);
    if (Date.now() - asked > PATIENCE_MS) return;
    const field = form.current?.querySelector('input');
    field?.focus();
    field?.select();
  }, [asked, form]);
}
