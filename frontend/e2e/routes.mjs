// The route table, read from its source, so that a new page is walked without anybody adding it here.
import { readFileSync } from 'node:fs';

export function readRoutes() {
  const text = readFileSync(new URL('../src/app/routes.ts', import.meta.url), 'utf8');
  const routes = [...text.matchAll(/\{ path: '([^']+)', title: '([^']+)'/g)].map((m) => ({ path: m[1], title: m[2] }));
  if (routes.length < 10) throw new Error(`only ${routes.length} routes found: has the table's form changed?`);
  return routes;
}
