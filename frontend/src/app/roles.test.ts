import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ROUTES } from './routes';
import { SCOPES, whoSees } from './roles';

it('roles have the scopes that docs/roles.md says', () => {
  const rows = [...readFileSync('../docs/roles.md', 'utf8').matchAll(/^\| (\w+) \| (?:an ordinary|the operator’s|the operator's) participant \| (.*) \|$/gm)];
  expect(Object.fromEntries(rows.map(([, role, scopes]) => [role, scopes?.replaceAll('`', '')]))).toEqual(SCOPES);
});
it('of every page it is known who sees it, and whom to ask', () => {
  for (const { scope } of ROUTES) if (scope) expect(whoSees(scope)).not.toContain('none');
  expect(whoSees('pricing:write')).toBe('Roles that see it: admin of the operator. Whoever operates this exchange gives roles: ask there.');
  expect(whoSees('audit:read')).toMatch(/^Roles that see it: tenant; finance, admin and operator of the operator\./);
  expect(whoSees('orders:write')).toMatch(/^Roles that see it: bidder and tenant\./);
});
