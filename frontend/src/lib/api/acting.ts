// For whom this page acts. The cookies of a session are shared by all tabs of the browser, so another
// tab can sign in as somebody else or choose another participant under this one. Every request names
// whom the page shows; the server refuses it where the session is another's, and the tabs tell each
// other when theirs has changed. Absent: what a page does about it (`app/identity`).
import type { Me } from './objects';
import type { Problem } from './problem';

/** The code of the server's refusal. */
export const FOR_ANOTHER = 'acting_for_another';

/** Who is signed in, and for which of its participants. */
export const identityOf = (me: Me | null | undefined) => (me ? `${me.user.id} ${me.participant.id}` : '');

let shown: Me | null = null;
/** Whom this page shows; nobody before the first answer of the server and after the sign-out. */
export const acting = () => shown;
export const actAs = (me: Me | null) => { shown = me; };

export interface Watch {
  /** The server says that the session is another's than the page's; the answer is whether the page goes over. */
  other: (from: Me, to: Me) => boolean;
  /** It refused a request for that; `wrote`: one that would have changed something. */
  refused: (from: Me, wrote: boolean) => void;
  /** Another tab has changed the session, or ended it. */
  told: () => void;
}
let watch: Watch | null = null;
export const watchActing = (next: Watch | null) => { watch = next; };

/** Takes in who the server says is signed in, and answers whom the page shows then. */
export function met(me: Me): Me {
  const from = shown;
  if (from && identityOf(from) !== identityOf(me) && watch?.other(from, me) === false) return from;
  shown = me;
  return me;
}

/** What names the page's participant with a request. Signing in and asking who one is are for anybody. */
export function namedIn(path: string, by: Me | null): Record<string, string> {
  if (!by || path === '/me' || path.startsWith('/auth/')) return {};
  return { 'Headroom-Participant': by.participant.id, 'Headroom-User': by.user.id };
}

/** A preview is posted and changes nothing. The server's sentence names headers: people get one of their own. */
export function refusedFor(by: Me | null, method: string, path: string, problem: Problem): void {
  if (!by || problem.body.code !== FOR_ANOTHER) return;
  problem.body.detail = `Nothing was done for ${by.participant.name}: another tab of this browser had changed for whom you act.`;
  watch?.refused(by, method !== 'GET' && !path.endsWith('/preview'));
}

const channel = typeof BroadcastChannel === 'undefined' ? null : new BroadcastChannel('headroom.session');
/** Tells the other tabs that the session is not what it was. */
export const announce = () => channel?.postMessage('changed');
channel?.addEventListener('message', () => { if (shown) watch?.told(); });
