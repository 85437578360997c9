// From events to the Query cache. A round publishes many events at once: they are gathered and
// applied once per animation frame, so a burst costs one render.
import type { QueryClient } from '@tanstack/react-query';
import { OPEN_DISPUTES, SCHEDULES, WAITING_MOVES } from '../api/waiting';
import type { LiveEvent } from './stream';

/** Which paths an event makes old. Objects whose event carries them whole are written directly. */
const TOUCHES: [prefix: string, paths: string[]][] = [
  ['order.', ['/bids', '/offers', '/projects']],
  ['project.', ['/projects']],
  // The award of a round carries its prices.
  ['round.awarded', ['/pools', '/bids', '/offers', '/allocations', '/awards']],
  ['award.', ['/allocations', '/awards']],
  ['slot.rolled', ['/pools']],
  ['round.', ['/rounds']],
  ['pool.', ['/pools', SCHEDULES]],
  ['swap.', ['/swaps', '/swap_history', '/instances']],
  ['dispute.', ['/disputes', '/statements', '/finance', OPEN_DISPUTES]],
  ['delivery.', ['/statements', '/allocations', '/receipts']],
  ['forecast.', ['/prediction', '/forecasts']],
];

export interface Frame { paths: Set<string>; writes: Map<string, unknown> }

export function gather(frame: Frame, event: LiveEvent): void {
  for (const [prefix, paths] of TOUCHES) if (event.type.startsWith(prefix)) paths.forEach((p) => frame.paths.add(p));
  const data = event.data as { id?: unknown; number?: unknown; approval?: unknown } | null;
  if (event.type === 'balance.changed' && data && 'available' in data) frame.writes.set('/balance', data);
  // Few swaps are moves that somebody is asked about; a question begins to wait with an event, and ends with one.
  if (event.type.startsWith('swap.') && data?.approval) frame.paths.add(WAITING_MOVES);
  // Of a move that a person answers for its route says more than the event does.
  if (event.type.startsWith('swap.') && typeof data?.id === 'string' && !data.approval) frame.writes.set(`/swaps/${data.id}`, data);
}

export function fanOut(client: QueryClient): { push: (event: LiveEvent) => void; flush: () => void } {
  let frame: Frame = { paths: new Set(), writes: new Map() };
  let scheduled = false;
  const flush = () => {
    const done = frame;
    frame = { paths: new Set(), writes: new Map() };
    scheduled = false;
    for (const [path, data] of done.writes) {
      client.setQueryData([path], (old: object | undefined) => (old ? { ...old, ...(data as object) } : data));
    }
    const touched = [...done.paths];
    void client.invalidateQueries({
      predicate: (q) => touched.some((p) => String(q.queryKey[0]).startsWith(p)) && !done.writes.has(String(q.queryKey[0])),
    });
  };
  return {
    push: (event) => {
      gather(frame, event);
      if (scheduled) return;
      scheduled = true;
      // A hidden tab gets no animation frames; its data may still not grow old without bound.
      if (document.hidden) setTimeout(flush, 250);
      else requestAnimationFrame(flush);
    },
    flush,
  };
}
