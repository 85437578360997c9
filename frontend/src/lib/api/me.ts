// Who is signed in. Everything that depends on a role asks here.
import { useQuery } from '@tanstack/react-query';
import { get } from './client';
import type { Me, Role } from './draft';

export const meQuery = { queryKey: ['/me'], queryFn: () => get<Me>('/me'), staleTime: 300_000, retry: false } as const;
export const useMe = () => useQuery(meQuery).data;

const PLATFORM: readonly Role[] = ['finance', 'admin', 'operator'];
export const isPlatform = (me: Me | undefined) => !!me?.roles.some((r) => PLATFORM.includes(r));
export const hasRole = (me: Me | undefined, roles: readonly Role[] | undefined) =>
  !roles || !!me?.roles.some((r) => roles.includes(r));
