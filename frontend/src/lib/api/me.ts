// Who is signed in. Everything that depends on what somebody may do asks here, by scope.
import { useQuery } from '@tanstack/react-query';
import { met } from './acting';
import { get } from './client';
import { serverSays } from '../time';
import type { Me, Role } from './objects';

export const meQuery = { queryKey: ['/me'], queryFn: async () => { const me = await get<Me>('/me'); serverSays(me.now); return met(me); }, staleTime: 300_000, retry: false } as const;
export const useMe = () => useQuery(meQuery).data;

const PLATFORM: readonly Role[] = ['finance', 'admin', 'operator'];
export const isPlatformRole = (role: Role) => PLATFORM.includes(role);
export const isPlatform = (me: Me | undefined) => !!me && isPlatformRole(me.role);
/** Of several scopes, apart by blanks, any one will do. */
export const may = (me: Me | undefined, scope: string | undefined) => !scope || scope.split(' ').some((one) => me?.scopes.includes(one));
export const useMay = (scope: string) => may(useMe(), scope);
