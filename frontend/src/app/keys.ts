// Key bindings, from the route table: `g` and a letter goes to a page.
import type { Bindings } from '@/lib/keys';
import { ROUTES } from './routes';

export interface Actions { go: (to: string) => void; palette: () => void; help: () => void }

export function bindings({ go, palette, help }: Actions): Bindings {
  const pages = ROUTES.filter((r) => r.nav).map((r) => [`g ${r.nav?.key}`, () => go(r.path)]);
  return { ...Object.fromEntries(pages), 'mod+k': palette, '/': palette, '?': help, b: () => go('/pools') };
}

export const KEY_HELP: [keys: string, what: string][] = [
  ['⌘K or /', 'Search or jump to'],
  ...ROUTES.flatMap((r): [string, string][] => (r.nav ? [[`g ${r.nav.key}`, r.title]] : [])),
  ['b', 'New bid'],
  ['⌘↩', 'Place the order in the ticket'],
  ['↑ ↓', 'Step a number; with Shift ten steps'],
  ['?', 'This list'],
  ['Esc', 'Close, change nothing'],
];
