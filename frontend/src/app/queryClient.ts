import { QueryClient } from '@tanstack/react-query';
import { Problem } from '@/lib/api';

/** The event stream says when data is old, so the cache need not guess often; faults are retried, refusals not. */
export const queryClient = new QueryClient({
  defaultOptions: {
    // What is sent without a network fails at once and says so; it is not kept and sent when nobody thinks of it any more.
    mutations: { networkMode: 'always' },
    queries: {
      staleTime: 15_000,
      refetchOnWindowFocus: true,
      retry: (count, error) => count < 2 && !(error instanceof Problem && error.status >= 400 && error.status < 500),
      retryDelay: (n) => Math.min(4000, 500 * 2 ** n),
    },
  },
});
