// What something that is typed would do: asked 150 ms after the last key, and again from time to time. The old answer stays
// until the new one is there, so nothing jumps.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { call } from './client';

const PAUSE_MS = 150;

function useSettled<T>(value: T): T {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), PAUSE_MS);
    return () => clearTimeout(timer);
    // By content: a new object with the same fields asks for the same.
  }, [text]);
  return settled;
}

/** `body` is null while nothing can be asked. Path and body settle together: what is typed for one is not asked of another. */
export function usePreview<T>(path: string, body: object | null, refetchMs: number) {
  const now = { path, body };
  const asked = useSettled(now);
  const query = useQuery({
    queryKey: [asked.path, asked.body],
    queryFn: async ({ signal }) => (await call<T>('POST', asked.path, { body: asked.body, signal })).data,
    enabled: asked.body !== null,
    placeholderData: keepPreviousData,
    refetchInterval: refetchMs,
    retry: false,
  });
  /** The answer is to what is typed now, not to what stood there before. */
  const fresh = query.data !== undefined && !query.isPlaceholderData && JSON.stringify(asked) === JSON.stringify(now);
  return { ...query, fresh };
}
