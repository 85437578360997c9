// The live preview: 150 ms after the last key, and again with every round. The old one stays until
// the new one is there, so nothing jumps.
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { call, type OrderBody, type Preview } from '@/lib/api';

const PAUSE_MS = 150;

export function useSettled<T>(value: T, ms = PAUSE_MS): T {
  const [settled, setSettled] = useState(value);
  const text = JSON.stringify(value);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(value), ms);
    return () => clearTimeout(timer);
    // By content: a new object with the same fields is the same order.
  }, [text, ms]);
  return settled;
}

export function usePreview(side: 'bid' | 'offer', order: OrderBody | null, refetchMs: number) {
  const settled = useSettled(order);
  const query = useQuery({
    queryKey: [`/${side}s/preview`, settled],
    queryFn: async ({ signal }) => (await call<Preview>('POST', `/${side}s/preview`, { body: settled, signal })).data,
    enabled: settled !== null,
    placeholderData: keepPreviousData,
    refetchInterval: refetchMs,
    retry: false,
  });
  /** The answer is to this very order, not to the one before it. */
  const fresh = query.data !== undefined && !query.isPlaceholderData && JSON.stringify(settled) === JSON.stringify(order);
  return { ...query, fresh };
}
