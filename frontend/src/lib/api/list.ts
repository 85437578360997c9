// Lists that may be longer than one answer. Whoever shows one says so while it is `cut`.
import { useEffect, useState } from 'react';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { formatCount } from '../money';
import { get, type Options } from './client';
import type { List } from './objects';
import { asProblem } from './problem';
import type { Resource } from './resource';

/** Newest first; `cut`: there are older ones than these. */
export interface Listed<T> { rows: T[]; cut: boolean }
/** A list that goes on when somebody asks for it. */
export interface Newest<T> extends Resource<Listed<T>> { older: () => void; busy: boolean }

/** The most that one answer holds. */
export const MOST = 500;
const PAGES = 10;
const NEWEST = 200;

/** "200+" where there are more. */
export const countOf = ({ rows, cut }: Listed<unknown>) => `${formatCount(rows.length)}${cut ? '+' : ''}`;

async function allOf<T>(path: string, query: Options['query'], signal: AbortSignal): Promise<Listed<T>> {
  const rows: T[] = [];
  let after: string | null | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const answer = await get<List<T>>(path, { ...query, limit: MOST, starting_after: after }, signal);
    rows.push(...answer.data);
    after = answer.next_cursor;
    if (!answer.has_more || !after) return { rows, cut: false };
  }
  return { rows, cut: true };
}

/** Every row, page after page; beyond 5,000 it is cut and says so. */
export function useAll<T>(path: string | null, query?: Options['query']): Resource<Listed<T>> {
  const result = useQuery({
    queryKey: [path ?? '', query, 'all'], enabled: path !== null, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => allOf<T>(path ?? '', query, signal),
  });
  return {
    data: result.data, problem: result.error && result.data === undefined ? asProblem(result.error) : null, loading: result.isPending && path !== null,
    stale: result.isError && result.data !== undefined, updatedAt: result.dataUpdatedAt, retry: () => void result.refetch(),
  };
}

/** The newest rows, and a page more with each `older`. Rows of another query are never shown meanwhile. */
export function useNewest<T>(path: string | null, query?: Options['query'], limit = NEWEST): Newest<T> {
  const result = useInfiniteQuery({
    queryKey: [path ?? '', query, 'newest'], enabled: path !== null, initialPageParam: '',
    queryFn: ({ pageParam, signal }) => get<List<T>>(path ?? '', { ...query, limit, starting_after: pageParam }, signal),
    getNextPageParam: (last: List<T>) => (last.has_more ? last.next_cursor : undefined),
  });
  const data = result.data && { rows: result.data.pages.flatMap((p) => p.data), cut: result.hasNextPage };
  return {
    data, problem: result.error && !data ? asProblem(result.error) : null, loading: result.isPending && path !== null,
    stale: result.isError && data !== undefined, updatedAt: result.dataUpdatedAt, retry: () => void result.refetch(),
    older: () => void result.fetchNextPage(), busy: result.isFetchingNextPage,
  };
}

/** `looked`: among how many rows these are; `looking`: older ones are being read, as none of those is one. */
export interface Sought<T> extends Newest<T> { looked: number; looking: boolean }

/**
 * The newest rows, or of them those that fit, where the API can't filter by that. While none is found older ones are read,
 * page after page. What was read so is not read again with every event: what has ended does not change.
 */
export function useSought<T extends { id: string }>(path: string, query: Options['query'], fits?: (row: T) => boolean): Sought<T> {
  const newest = useNewest<T>(path, query);
  const rows = newest.data?.rows ?? [];
  const last = rows.at(-1)?.id ?? '';
  const cut = !!newest.data?.cut;
  // The older ones follow on a row of the newest; when that is none of them any more, what came in between would be missing.
  const [from, setFrom] = useState('');
  const anchored = from !== '' && rows.some((r) => r.id === from);
  useEffect(() => { if (fits && cut && !anchored) setFrom(last); }, [fits, cut, anchored, last]);
  const none = !!fits && anchored && cut && !rows.some(fits);
  const past = useInfiniteQuery({
    queryKey: [`older ${path}`, query, from], enabled: none, staleTime: Number.POSITIVE_INFINITY, initialPageParam: from,
    queryFn: ({ pageParam, signal }) => get<List<T>>(path, { ...query, limit: MOST, starting_after: pageParam }, signal),
    getNextPageParam: (page: List<T>) => (page.has_more ? page.next_cursor : undefined),
  });
  const older = anchored && cut ? (past.data?.pages.flatMap((p) => p.data) ?? []) : [];
  const ids = new Set(rows.map((r) => r.id));
  const all = [...rows, ...older.filter((r) => !ids.has(r.id))];
  const found = fits ? all.filter(fits) : rows;
  const more = cut && (past.data === undefined || past.hasNextPage);
  const looking = none && found.length === 0 && more && !past.isError;
  useEffect(() => { if (looking && past.data && !past.isFetching) void past.fetchNextPage(); }, [looking, past.data, past.isFetching]);
  if (!fits) return { ...newest, looked: rows.length, looking: false };
  return {
    ...newest, data: newest.data && { rows: found, cut: more }, looked: all.length, looking,
    older: () => void past.fetchNextPage(), busy: past.isFetching,
  };
}
