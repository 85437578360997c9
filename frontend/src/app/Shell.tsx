// The frame of every page: top bar, sidebar or rail, the demo strip, keys, palette, toasts, stream.
import { Outlet, useMatches, useNavigate } from '@tanstack/react-router';
import { Suspense, useCallback, useState } from 'react';
import { Denied } from '@/components/ui/states';
import { Toaster } from '@/components/ui/Toaster';
import { identityOf, may, useMe } from '@/lib/api';
import { useKeys } from '@/lib/keys';
import { useLiveStream } from '@/lib/live';
import { DemoStrip } from './DemoStrip';
import { change } from './identity';
import { bindings } from './keys';
import { Help, IdentityChange, Palette } from './parts';
import { whoSees } from './roles';
import type { RouteEntry } from './routes';
import { SideBar } from './SideBar';
import { TopBar } from './TopBar';

/** Nothing of a page survives that its session becomes another's: not what was read, nor what was typed. */
export function Shell() {
  const who = identityOf(useMe());
  const changed = change.use() !== null;
  return (
    <>
      {changed && <Suspense><IdentityChange /></Suspense>}
      <Frame key={who} />
    </>
  );
}

function Frame() {
  const me = useMe();
  const navigate = useNavigate();
  const [overlay, setOverlay] = useState<'palette' | 'help' | null>(null);
  const entry = (useMatches().at(-1)?.staticData as { entry?: RouteEntry } | undefined)?.entry;
  useLiveStream(me);
  useKeys(bindings(me, { go: (to) => void navigate({ to }), palette: () => setOverlay('palette'), help: () => setOverlay('help'), atTicket: entry?.path === '/pools/$slug' }));
  const close = useCallback(() => setOverlay(null), []);
  return (
    <>
      <a className="btn skip" href="#main">Skip to the page</a>
      {me?.demo && <DemoStrip text={me.banner} />}
      <div className={`app ${entry?.rail ? 'rail' : ''}`}>
        <TopBar onSearch={() => setOverlay('palette')} />
        <SideBar />
        <main className="main" id="main" tabIndex={-1}>{may(me, entry?.scope) ? <Outlet /> : <div className="panel mt-4"><h1 className="sr-only">{entry?.title}</h1><Denied need={entry?.scope && whoSees(entry.scope)} /></div>}</main>
      </div>
      <Suspense>
        {overlay === 'palette' && <Palette onClose={close} onHelp={() => setOverlay('help')} />}
        {overlay === 'help' && <Help onClose={close} />}
      </Suspense>
      <Toaster />
    </>
  );
}
