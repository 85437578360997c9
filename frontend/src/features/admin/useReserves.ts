// A pool's schedules with the ETag that they were read with: a change is made to what is on the screen.
import { useQuery } from '@tanstack/react-query';
import { call, type List, type NamedReservePrice } from '@/lib/api';

export function useReserves(slug: string | undefined) {
  const path = `/pools/${slug}/reserve_prices`;
  return useQuery({
    queryKey: [path, 'reserves'], enabled: slug !== undefined,
    queryFn: async () => {
      const { data, etag } = await call<List<NamedReservePrice>>('GET', path);
      return { list: data.data, etag: etag ?? '' };
    },
  });
}
