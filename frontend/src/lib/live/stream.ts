// One EventSource for the tab. Each event names the one before it that this subscription matched,
// so a lost event shows; then, and on `reset`, everything on screen is fetched again.

export interface LiveEvent {
  id: number; previous: number | null; type: string; created_at: string;
  participant: string | null; object: string; data: unknown;
}
export type Status = 'connecting' | 'live' | 'reconnecting';
export interface Handlers { event: (event: LiveEvent) => void; refetch: (why: 'gap' | 'reset') => void; status: (status: Status, at: number) => void }

export const TOPICS = ['order.*', 'round.*', 'price.*', 'pool.*', 'swap.*', 'delivery.*', 'balance.*', 'forecast.*', 'alert.*'];
/** EventSource hands named events only to listeners of that name. */
const NAMES = [
  ...['accepted', 'refused', 'pending', 'replaced', 'canceled', 'expired', 'filled', 'partially_filled'].map((s) => `order.${s}`),
  ...['opened', 'sealed', 'solved', 'awarded', 'settled', 'void'].map((s) => `round.${s}`),
  ...['planned', 'awaiting_approval', 'reserved', 'snapshot', 'transferred', 'shadow', 'fenced', 'activated', 'verified', 'released',
    'done', 'infeasible', 'rejected', 'expired', 'aborted', 'rolled_back', 'failed'].map((s) => `swap.${s}`),
  'price.published', 'pool.changed', 'delivery.recorded', 'balance.changed', 'forecast.issued', 'alert.raised', 'message',
];

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
  handlers.status('connecting', Date.now());
  const source = make(`/v1/events?topics=${TOPICS.join(',')}`);
  source.onopen = () => handlers.status('live', Date.now());
  source.onerror = () => handlers.status('reconnecting', Date.now());
  const receive = (message: MessageEvent<string>) => {
    const event = parseEvent(message.data);
    if (!event) return;
    handlers.status('live', Date.now());
    if (last !== null && event.id <= last) return;
    const gap = last !== null && event.previous !== null && event.previous !== last;
    last = event.id;
    if (gap) handlers.refetch('gap');
    handlers.event(event);
  };
  for (const name of NAMES) source.addEventListener(name, receive as EventListener);
  source.addEventListener('reset', () => { last = null; handlers.refetch('reset'); });
  return () => source.close();
}
