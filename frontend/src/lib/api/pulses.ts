// What each workload of a list uses now, and how likely it is to run short. The API answers for one at a time, so they are
// asked for one after the other, a few at once and the first of the list first; the longer the list, the rarer each again.
import { useQueries } from '@tanstack/react-query';
import { get } from './client';
import type { Instance, List, Prediction, Sample } from './objects';
import { useHorizons } from './queries';

/** Why nothing is known of one: `beyond` the first of the list that are asked for, not answered yet, or it could not be read. */
export type Unknown = 'beyond' | 'coming' | 'failed';
/** `sample` is undefined where nothing was measured lately, `risk` null where there is no forecast yet. */
export interface Pulse { sample: Sample | undefined; risk: number | null; unknown: { sample: Unknown | null; risk: Unknown | null } }

/** First element of their keys: what a hint changes at once. */
export const RISKS = 'risk of workload';

/** So many running workloads at most are asked for: a participant has 64 unless an admin allows more. */
export const MOST_PULSES = 500;
/** Requests under way at once: the rest of the page is read as well. */
export const AT_ONCE = 6;
/** Each is asked for again after these, or later where there are so many that it would be more than ten requests a second. */
const SAMPLE_MILLIS = 10_000;
const RISK_MILLIS = 60_000;
const SAMPLE_MILLIS_EACH = 150;
const RISK_MILLIS_EACH = 300;

/** Runs at most `most` tasks at once, in the order in which they came; one that is not wanted any more is left out. */
export function queue(most: number) {
  const waiting: (() => void)[] = [];
  let free = most;
  return async <T>(task: () => Promise<T>, signal?: AbortSignal): Promise<T> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((go) => { waiting.push(go); });
    try {
      signal?.throwIfAborted();
      return await task();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}
const inTurn = queue(AT_ONCE);

interface Read<T> { data: T | undefined; unknown: Unknown | null }
const readOf = <T>(r: { data: T | undefined; isError: boolean } | undefined): Read<T> => ({ data: r?.data, unknown: r === undefined ? 'beyond' : r.data !== undefined ? null : r.isError ? 'failed' : 'coming' });

/** Of those that run: what is stopped uses nothing. Their keys are their own, so that an event about one forecast does not ask for all again. */
export function usePulses(all: Instance[]): Record<string, Pulse> {
  const horizons = useHorizons();
  const running = all.filter((i) => i.state !== 'stopped');
  const some = running.slice(0, MOST_PULSES).map((i) => i.id);
  const samples = useQueries({
    queries: some.map((id) => ({
      queryKey: ['sample of workload', id], refetchInterval: Math.max(SAMPLE_MILLIS, some.length * SAMPLE_MILLIS_EACH),
      queryFn: ({ signal }: { signal: AbortSignal }) => inTurn(async () => (await get<List<Sample>>(`/instances/${id}/metrics`, { minutes: 1 }, signal)).data.at(-1) ?? null, signal),
    })),
    combine: (results) => results.map(readOf<Sample | null>),
  });
  const risks = useQueries({
    queries: some.map((id) => ({
      queryKey: [RISKS, id, horizons], enabled: !!horizons, refetchInterval: Math.max(RISK_MILLIS, some.length * RISK_MILLIS_EACH),
      queryFn: ({ signal }: { signal: AbortSignal }) => inTurn(async () => worst(await get<Prediction>('/prediction', { instance_id: id, horizons }, signal)), signal),
    })),
    combine: (results) => results.map(readOf<number | null>),
  });
  return Object.fromEntries(running.map((i, n): [string, Pulse] => {
    const [sample, risk] = [samples[n] ?? readOf<Sample | null>(undefined), risks[n] ?? readOf<number | null>(undefined)];
    return [i.id, { sample: sample.data ?? undefined, risk: risk.data ?? null, unknown: { sample: sample.unknown, risk: risk.unknown } }];
  }));
}

/** The highest chance over resources, at the far end of the horizon. */
export function worst(p: Prediction | undefined): number | null {
  const risks = (p?.series ?? []).map((s) => s.points.at(-1)?.risk ?? null).filter((r): r is number => r !== null);
  return risks.length ? Math.max(...risks) : null;
}
