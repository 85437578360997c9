import type { Project } from '@/lib/api';
import { asMicro, formatMoney, micro } from '@/lib/money';
import { isUsedUp } from './project';

/** The project that most wants a look, or what is left of all. */
export function Answer({ projects }: { projects: Project[] }) {
  const used = projects.find(isUsedUp);
  if (used) return <><b>{used.name} has nothing left</b>: new bids of it are refused until its limit is raised or bids are cancelled.</>;
  const left = asMicro(projects.reduce((sum, p) => sum + micro(p.left), 0n));
  return <><b>{formatMoney(left)} cr left</b> for new bids in {projects.length} {projects.length === 1 ? 'project' : 'projects'}.</>;
}
