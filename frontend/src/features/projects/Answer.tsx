import type { Project } from '@/lib/api';
import { asMicro, formatMoney, micro } from '@/lib/money';
import { isTight, isUsedUp } from './project';

/** The project that most wants a look, or what is left of all. */
export function Answer({ projects }: { projects: Project[] }) {
  const used = projects.filter((p) => isUsedUp(p) && p.open_orders > 0);
  const tight = projects.filter((p) => isTight(p) && !isUsedUp(p));
  if (used[0]) return <><b>{used[0].name} is used up</b>: its bids wait until its limit is raised.</>;
  if (tight[0]) return <><b>{tight[0].name}</b> has {formatMoney(micro(tight[0].left))} cr left, and bids for up to {formatMoney(micro(tight[0].committed))} cr compete for it.</>;
  const left = asMicro(projects.reduce((sum, p) => sum + micro(p.left), 0n));
  return <><b>{formatMoney(left)} cr left</b> in {projects.length} {projects.length === 1 ? 'project' : 'projects'}; no bid waits for more.</>;
}
