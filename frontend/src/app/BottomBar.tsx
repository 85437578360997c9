// The navigation of a phone: the first pages with their names, and the others in a list that opens above the bar.
import { Link } from '@tanstack/react-router';
import { type KeyboardEvent, useEffect, useId, useRef, useState } from 'react';
import { Icon } from '@/components/ui/Icon';
import type { RouteEntry } from './routes';
import { Waits } from './Waits';

/** As many as a thumb finds on 390 px, with `More` one of them. */
const PLACES = 5;

export function BottomBar({ pages, waiting, here }: { pages: RouteEntry[]; waiting: Record<string, number>; here: (path: string) => boolean }) {
  const [open, setOpen] = useState(false);
  const bar = useRef<HTMLElement>(null);
  const more = useRef<HTMLButtonElement>(null);
  const id = useId();
  const first = pages.length <= PLACES ? pages : pages.slice(0, PLACES - 1);
  const rest = pages.slice(first.length);
  // Whatever is done elsewhere on the page closes it.
  useEffect(() => {
    if (!open) return;
    const outside = (e: Event) => { if (!bar.current?.contains(e.target as Node)) setOpen(false); };
    for (const type of ['pointerdown', 'focusin']) document.addEventListener(type, outside);
    return () => { for (const type of ['pointerdown', 'focusin']) document.removeEventListener(type, outside); };
  }, [open]);
  const press = (e: KeyboardEvent) => {
    if (e.key !== 'Escape' || !open) return;
    setOpen(false);
    more.current?.focus();
  };
  const link = (r: RouteEntry, className: string) => (
    <Link key={r.path} to={r.path} className={`${className} ${here(r.path) ? 'on' : ''}`} aria-current={here(r.path) ? 'page' : undefined} onClick={() => setOpen(false)}>
      {r.nav && <Icon name={r.nav.icon} />}<span className="trunc">{r.title}</span><Waits count={waiting[r.path]} path={r.path} />
    </Link>
  );
  return (
    <nav className="foot" aria-label="Main" ref={bar} onKeyDown={press}>
      {first.map((r) => link(r, 'place'))}
      {rest.length > 0 && (
        <button type="button" ref={more} className={`place ${rest.some((r) => here(r.path)) ? 'on' : ''}`} aria-expanded={open} aria-controls={open ? id : undefined} onClick={() => setOpen(!open)}>
          <Icon name="more" /><span>More</span><Waits count={rest.reduce((sum, r) => sum + (waiting[r.path] ?? 0), 0)} />
        </button>
      )}
      {open && <ul id={id} className="others" aria-label="More pages">{rest.map((r) => <li key={r.path}>{link(r, 'nav')}</li>)}</ul>}
    </nav>
  );
}
