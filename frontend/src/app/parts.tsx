// The parts of the frame whose code comes after the first paint, and what stands in for each where it does not come.
import { useEffect } from 'react';
import { Button } from '@/components/ui/Button';
import { toast } from '@/components/ui/toast';
import { lazyPart } from '@/lib/lazyPart';

const AWAY = 'The server can’t be reached, or has a newer version than this tab. Nothing on this page is lost.';

/** What was asked for is not opened; the next time it is asked for again. */
function NotOpened({ name, onClose }: { name: string; onClose: () => void }) {
  useEffect(() => {
    toast({ tone: 'bad', title: `${name} could not be loaded`, detail: AWAY });
    onClose();
  }, [name, onClose]);
  return null;
}

export const Palette = lazyPart(() => import('./Palette'), ({ onClose }) => <NotOpened name="Search" onClose={onClose} />);
export const Help = lazyPart(() => import('./Help'), ({ onClose }) => <NotOpened name="Help" onClose={onClose} />);
/** It brings a positioning library. */
export const UserMenu = lazyPart(() => import('./UserMenu'), ({ tryAgain }) => <button type="button" className="av border-0" aria-label="The account menu could not be loaded: try again" title="Could not be loaded: try again" onClick={tryAgain}>?</button>);
export const IdentityChange = lazyPart(() => import('./IdentityChange'), ({ tryAgain }) => (
  <div className="changed" role="alert"><p>Another tab of this browser acts for somebody else now, and this page could not load what it has to say about it.</p><Button onClick={tryAgain}>Try again</Button></div>
));

export const PARTS = [Palette, Help, UserMenu, IdentityChange];
