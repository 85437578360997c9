import { useEffect, useState } from 'react';
import type { Instance, Pulse } from '@/lib/api';
import { firstShown, isFaulty } from './health';

/**
 * Which workload is shown until somebody chooses. Figures come every few seconds: once all are there it stays the same but for
 * one that fails, or what somebody types in its forms would go with the next figure.
 */
export function useFirstShown(all: Instance[], pulses: Record<string, Pulse>): Instance | undefined {
  const first = firstShown(all, pulses);
  const known = all.every((i) => pulses[i.id]?.unknown.sample !== 'coming');
  const [kept, keep] = useState<string>();
  const id = known ? first?.id : undefined;
  useEffect(() => { if (id !== undefined) keep((before) => before ?? id); }, [id]);
  return all.find(isFaulty) ?? all.find((i) => i.id === kept) ?? first;
}
