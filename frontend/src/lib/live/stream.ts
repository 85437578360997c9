// One EventSource for the tab. Each event names the one before it that this subscription matched,
// so a lost event shows; then, and on `reset`, everything on screen is fetched again.

export interface LiveEvent {
  id: number; previous: number; type: string; created_at: string;
  participant: string | null; object: string; data: unknown;
}
export type Status = 'connecting' | 'live' | 'reconnecting';
export interface Handlers { event: (event: LiveEvent) => void; refetch: (why: 'gap' | 'reset') => void; status: (status: Status) => void }

export const TOPICS = ['order.*', 'round.*', 'pool.*', 'swap.*', 'delivery.*', 'balance.*', 'forecast.*'];

export function parseEvent(text: string): LiveEvent | null {
  try {
    const event = JSON.parse(text) as LiveEvent;
    return typeof event.type === 'string' ? event : null;
  } catch {
    return null;
  }
}

export function connect(handlers: Handlers, make: (url: string) => EventSource = (url) => new EventSource(url, { withCredentials: true })): () => void {
  let last: number | null = null;
  handlers.status('connecting');
  const source = make(`/v1/events?topics=${TOPICS.join(',')}`);
  source.onopen = () => handlers.status('live');
  source.onerror = () => handlers.status('reconnecting');
  source.onmessage = (message: MessageEvent<string>) => {
    const event = parseEvent(message.data);
    if (!event) return;
    if (last !== null && event.id <= last) return;
    const gap = last !== null && event.previous !== last;
    last = event.id;
    if (gap) handlers.refetch('gap');
    handlers.event(event);
    handlers.status('live');
  };
  source.addEventListener('reset', () => { last = null; handlers.refetch('reset'); });
  return () => source.close();
}
