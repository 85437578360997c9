// A write: one idempotency key for one user action, so a retry after a lost answer is harmless.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { call, newKey, type Options } from './client';
import type { Problem } from './problem';

export interface Write<B> { path: string; method?: 'POST' | 'PUT' | 'PATCH' | 'DELETE'; body?: B; ifMatch?: string; keyed?: boolean }

/** `touches`: the paths whose data the write changes. */
export function useWrite<B, R>(touches: string[]) {
  const client = useQueryClient();
  const pending = useRef<{ of: string; key: string } | null>(null);
  return useMutation<R, Problem, Write<B>>({
    // What was sent or answered may be a password or a secret: it is not kept once its form is gone.
    gcTime: 1000,
    mutationFn: async ({ path, method = 'POST', body, ifMatch, keyed }) => {
      const options: Options = { body, ifMatch };
      if (keyed) {
        const of = `${method} ${path} ${JSON.stringify(body)}`;
        if (pending.current?.of !== of) pending.current = { of, key: newKey() };
        options.idempotencyKey = pending.current.key;
      }
      const answer = await call<R>(method, path, options);
      pending.current = null;
      return answer.data;
    },
    // After a refusal the next attempt is a new request; faults, and what says nothing about it, keep the key.
    onError: (problem) => { if (problem.final) pending.current = null; },
    // Not awaited: what said "done" may leave the screen with the data it changes.
    onSettled: () => touches.forEach((t) => void client.invalidateQueries({ predicate: (q) => String(q.queryKey[0]).startsWith(t) })),
  });
}
