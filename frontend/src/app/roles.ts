// Which role has which scope, as docs/roles.md says it (a test compares the two), to tell who can see a page that one may not.
import { isPlatformRole, type Role } from '@/lib/api';

export const SCOPES: Record<Role, string> = {
  bidder: 'market:read orders:read orders:write strategies:write allocations:read swaps:read forecasts:read finance:read keys:read',
  tenant: 'market:read orders:read orders:write strategies:write allocations:read swaps:read swaps:write forecasts:read finance:read workloads:write profiles:write keys:read keys:write audit:read',
  finance: 'market:read finance:read finance:platform keys:read keys:write audit:read',
  admin: 'market:read pricing:write admin:write finance:read finance:platform swaps:read orders:read forecasts:read allocations:read keys:read keys:write audit:read',
  operator: 'market:read swaps:read swaps:write swaps:approve nodes:work forecasts:read orders:read allocations:read operations:write keys:read keys:write audit:read',
};

const list = (words: string[]) => [words.slice(0, -1).join(', '), words.at(-1)].filter(Boolean).join(' and ');

/** Who sees what needs a scope (or any of several, apart by blanks), and who could make the reader one of them. */
export function whoSees(scope: string): string {
  const roles = (Object.keys(SCOPES) as Role[]).filter((r) => SCOPES[r].split(' ').some((one) => scope.split(' ').includes(one)));
  const [members, staff] = [roles.filter((r) => !isPlatformRole(r)), roles.filter(isPlatformRole)];
  const parts = [members.length > 0 && list(members), staff.length > 0 && `${list(staff)} of the operator`].filter((p) => p !== false);
  return `Roles that see it: ${parts.join('; ') || 'none'}. Whoever operates this exchange gives roles: ask there.`;
}
