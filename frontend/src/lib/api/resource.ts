// A page reads through `useResource`; `components/ui/Page` knows how to show each of its states.
import { type QueryKey, keepPreviousData, useQuery } from '@tanstack/react-query';
import { get, type Options } from './client';
import { asProblem, type Problem } from './problem';

export interface Resource<T> {
  data: T | undefined;
  problem: Problem | null;
  loading: boolean;
  /** Data is shown, but the last attempt to renew it failed. */
  stale: boolean;
  updatedAt: number;
  retry: () => void;
}

/** The path is the first element of the key, so an event can invalidate by path. */
export const keyOf = (path: string, query?: Options['query']): QueryKey => (query ? [path, query] : [path]);

export function useResource<T>(path: string | null, query?: Options['query'], refetchMs?: number): Resource<T> {
  const result = useQuery({
    queryKey: keyOf(path ?? '', query),
    queryFn: ({ signal }) => get<T>(path ?? '', query, signal),
    enabled: path !== null,
    refetchInterval: refetchMs,
    placeholderData: keepPreviousData,
  });
  return {
    data: result.data,
    problem: result.error && result.data === undefined ? asProblem(result.error) : null,
    loading: result.isPending && path !== null,
    stale: result.isError && result.data !== undefined,
    updatedAt: result.dataUpdatedAt,
    retry: () => void result.refetch(),
  };
}

/** Several resources as one: the first fault wins, loading lasts until the last is there. */
export function combine<T extends Record<string, unknown>>(parts: { [K in keyof T]: Resource<T[K]> }): Resource<T> {
  const list = Object.values(parts) as Resource<unknown>[];
  const ready = list.every((p) => p.data !== undefined);
  const data = Object.fromEntries(Object.entries(parts).map(([k, p]) => [k, (p as Resource<unknown>).data]));
  return {
    data: ready ? (data as T) : undefined,
    problem: list.find((p) => p.problem)?.problem ?? null,
    loading: list.some((p) => p.loading),
    stale: list.some((p) => p.stale),
    updatedAt: Math.min(...list.map((p) => p.updatedAt)),
    retry: () => list.forEach((p) => p.problem || p.stale ? p.retry() : undefined),
  };
}
