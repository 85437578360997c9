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
const make = (url: string) => new EventSource(url, { withCredentials: true });

export function connect(handlers: Handlers, open: (url: string) => EventSource = make): () => void {
  let last: number | null = null;
  let source: EventSource;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  const receive = (message: MessageEvent<string>) => {
    const event = parseEvent(message.data);
    if (!event || (last !== null && event.id <= last)) return;
    const gap = last !== null && event.previous !== last;
    last = event.id;
    if (gap) handlers.refetch('gap');
    handlers.event(event);
    handlers.status('live');
  };
  const retry = () => {
    clearTimeout(timer);
    // The session may have to be renewed first; if that fails too, the next attempt tries again.
    timer = setTimeout(() => void handlers.revive().catch(() => undefined).then(start), RETRY_MS);
  };
  const end = (message: MessageEvent<string>) => {
    source.close();
    // Where there was no event yet, the end says from where on there might be one.
    last ??= Number(message.lastEventId) || null;
    clearTimeout(timer);
    timer = setTimeout(() => handlers.status('reconnecting'), RETRY_MS);
    void handlers.revive().catch(() => undefined).then(start);
  };
  const start = () => {
    if (closed) return;
    const after = last === null ? '' : `&after=${last}`;
    source = open(`/v1/events?topics=${TOPICS.join(',')}${after}`);
    source.onopen = () => { clearTimeout(timer); handlers.status('live'); };
    source.onmessage = receive;
    source.onerror = () => {
      handlers.status('reconnecting');
      if (source.readyState === CLOSED) retry();
    };
    source.addEventListener('end', end as EventListener);
    source.addEventListener('reset', () => { last = null; handlers.refetch('reset'); });
  };
  handlers.status('connecting');
  start();
  return () => { closed = true; clearTimeout(timer); source.close(); };
}
