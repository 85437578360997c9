// One EventSource for the tab. Each event names the one before it that this subscription matched,
// so a lost event shows; then, and on `reset`, everything on screen is fetched again. A stream ends
// with the access token that opened it (`end`); the session is renewed and the next one goes on where
// it was, so nobody sees the change.

export interface LiveEvent {
  id: number; previous: number; type: string; created_at: string;
  participant: string | null; object: string; data: unknown;
}
export type Status = 'connecting' | 'live' | 'reconnecting';
export interface Handlers { event: (event: LiveEvent) => void; refetch: (why: 'gap' | 'reset') => void; status: (status: Status) => void; revive: () => Promise<unknown> }

/** `EventSource.CLOSED`, which test environments lack. */
const CLOSED = 2;
export const TOPICS = ['order.*', 'round.*', 'pool.*', 'swap.*', 'delivery.*', 'balance.*', 'forecast.*'];

export function parseEvent(text: string): LiveEvent | null {
  try {
    const event = JSON.parse(text) as LiveEvent;
    return typeof event.type === 'string' ? event : null;
  } catch {
    return null;
  }
}

/**
 * A browser gives up on a stream that was refused (401, 503); then we ask again, at most this often.
 * A stream that has ended counts as live for as long: its successor is there sooner.
 */
export const RETRY_MS = 3000;
/** A server that hangs says nothing and closes nothing. At least so long a silence is looked into; rounds make it shorter as a rule. */
export const QUIET_MS = 30_000;
/** Of rounds that should have been heard of by then. */
const ROUNDS = 3;
export const quietAfter = (roundSeconds = 0): number => Math.max(QUIET_MS, ROUNDS * roundSeconds * 1000);
const LOOK_MS = 5000;
const make = (url: string) => new EventSource(url, { withCredentials: true });

/**
 * `quiet`: after so long without any event the stream is opened anew, which asks the server whether it is there: one that
 * answers has had nothing to say (a market without rounds sends only what a browser does not pass on), and nobody sees it;
 * from one that does not what is shown is old.
 */
export function connect(handlers: Handlers, open: (url: string) => EventSource = make, quiet = QUIET_MS): () => void {
  let last: number | null = null;
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;
  /** The newest of all attempts to open it: one that was still on its way then comes to nothing. */
  let attempt = 0;
  /** The last sign of life, or the last time that one was asked for. */
  let heard = Date.now();
  /** It hung, and there may have been events of which no id says from where on. */
  let missed = false;

  const receive = (message: MessageEvent<string>) => {
    heard = Date.now();
    const event = parseEvent(message.data);
    if (!event || (last !== null && event.id <= last)) return;
    const gap = last !== null && event.previous !== last;
    last = event.id;
    if (gap) handlers.refetch('gap');
    handlers.event(event);
    handlers.status('live');
  };
  /** The session may have to be renewed first; if that fails too, the next attempt tries again. */
  const renewed = () => {
    attempt += 1;
    const mine = attempt;
    void handlers.revive().catch(() => undefined).then(() => { if (mine === attempt) start(); });
  };
  const retry = () => {
    clearTimeout(timer);
    timer = setTimeout(renewed, RETRY_MS);
  };
  const end = (message: MessageEvent<string>) => {
    source.close();
    // Where there was no event yet, the end says from where on there might be one.
    last ??= Number(message.lastEventId) || null;
    clearTimeout(timer);
    timer = setTimeout(() => handlers.status('reconnecting'), RETRY_MS);
    renewed();
  };
  const start = () => {
    if (closed) return;
    const after = last === null ? '' : `&after=${last}`;
    source = open(`/v1/events?topics=${TOPICS.join(',')}${after}`);
    source.onopen = () => {
      heard = Date.now();
      clearTimeout(timer);
      if (missed && last === null) handlers.refetch('gap');
      missed = false;
      handlers.status('live');
    };
    source.onmessage = receive;
    source.onerror = () => {
      handlers.status('reconnecting');
      if (source.readyState === CLOSED) retry();
    };
    source.addEventListener('end', end as EventListener);
    source.addEventListener('reset', () => { last = null; heard = Date.now(); handlers.refetch('reset'); });
  };
  const anew = () => {
    // Nothing says from where on there may have been events.
    missed = last === null;
    source.close();
    clearTimeout(timer);
    timer = setTimeout(() => { missed = true; handlers.status('reconnecting'); }, RETRY_MS);
    attempt += 1;
    heard = Date.now();
    start();
  };
  const look = () => { if (Date.now() - heard > quiet) anew(); };
  // A tab in the background and a computer that slept keep no time; a network that is there again has other connections.
  const seen = () => { if (!document.hidden) look(); };
  const looking = setInterval(look, LOOK_MS);
  document.addEventListener('visibilitychange', seen);
  window.addEventListener('online', anew);
  handlers.status('connecting');
  start();
  return () => {
    closed = true;
    attempt += 1;
    clearTimeout(timer);
    clearInterval(looking);
    document.removeEventListener('visibilitychange', seen);
    window.removeEventListener('online', anew);
    source.close();
  };
}
