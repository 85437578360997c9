// One simulation at a time: started, cancelled by leaving or by its button, kept until the next.
import { useMutation } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { call, type Problem, type Simulated } from '@/lib/api';
import type { SimulationBody } from './simulation';

export function useSimulation(slug: string | undefined) {
  const running = useRef<AbortController | null>(null);
  const mutation = useMutation<Simulated, Problem, SimulationBody>({
    mutationFn: async (body) => {
      running.current?.abort();
      const own = new AbortController();
      running.current = own;
      return (await call<Simulated>('POST', `/pools/${slug}/reserve_prices/simulate`, { body, signal: own.signal })).data;
    },
  });
  const { reset } = mutation;
  // Another pool, or another page: nobody waits for the answer any more.
  useEffect(() => () => { running.current?.abort(); reset(); }, [slug, reset]);
  const cancel = () => { running.current?.abort(); reset(); };
  return { ...mutation, cancel };
}
export type Simulation = ReturnType<typeof useSimulation>;
