// Key bindings, from the route table: `g` and a letter goes to a page.
import { type Me, may } from '@/lib/api';
import { type Bindings, withMod } from '@/lib/keys';
import { ticketAsked } from '@/lib/ticket';
import { ROUTES } from './routes';

export interface Actions { go: (to: string) => void; palette: () => void; help: () => void; /** Whether the page has a ticket. */ atTicket: boolean }

const pagesOf = (me: Me | undefined) => ROUTES.flatMap((r) => (r.nav && may(me, r.scope) ? [{ ...r, key: r.nav.key }] : []));
const trades = (me: Me | undefined) => may(me, 'orders:write');

export function bindings(me: Me | undefined, { go, palette, help, atTicket }: Actions): Bindings {
  const pages = pagesOf(me).map((r) => [`g ${r.key}`, () => go(r.path)]);
  const bid = trades(me) ? { b: () => { ticketAsked.set(Date.now()); if (!atTicket) go('/pools'); } } : {};
  return { ...Object.fromEntries(pages), ...bid, 'mod+k': palette, '/': palette, '?': help };
}

/** Only what somebody's role can do with a key. */
export const keyHelp = (me: Me | undefined): [keys: string, what: string][] => [
  [`${withMod('K')} or /`, 'Search or jump to'],
  ...pagesOf(me).map((r): [string, string] => [`g ${r.key}`, r.title]),
  ...(trades(me) ? [['b', 'New bid'], [withMod('↩'), 'Place the order in the ticket']] as [string, string][] : []),
  ['↑ ↓', 'Step a number; with Shift ten steps'],
  ['?', 'This list'],
  ['Esc', 'Close, change nothing'],
];
