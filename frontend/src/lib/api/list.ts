// Lists that may be longer than one answer. Whoever shows one says so while it is `cut`.
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
