import { ago } from './clock.ts';
import type { Project } from '../lib/api/objects.ts';

const project = (end: string, name: string, limit: number, spent: number, committed: number, open_orders: number): Project => ({
  id: `prj_01KAB6Q0ZX3F4QW8${end}`, participant: 'par_01KAB6Q0ZX3F4QGENOM', name, limit: limit.toFixed(6), spent: spent.toFixed(6), left: (limit - spent - committed).toFixed(6), committed: committed.toFixed(6), open_orders, created_at: ago(90_000), updated_at: ago(540),
});
export const projects: Project[] = [
  project('PRJ001', 'variant-calling', 1200, 1010.4, 150, 1),
  project('PRJ002', 'nightly-assembly', 4000, 812.25, 0, 0),
];

/** A limit for a project that is there, or a new one. */
export function putProject(name: string, limit: string): Project {
  const there = projects.find((p) => p.name === name);
  if (there) return Object.assign(there, { limit, left: (Number(limit) - Number(there.spent) - Number(there.committed)).toFixed(6) });
  const made = project(`NEW${projects.length}`, name, Number(limit), 0, 0, 0);
  projects.push(made);
  return made;
}
