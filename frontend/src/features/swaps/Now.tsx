import { Gantt } from '@/components/charts/Gantt';
import { Panel } from '@/components/ui';
import type { Swap } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { useNow } from '@/lib/time';
import { barsOf, ended, nameOf } from './swap';

const MOST = 12;

/** What is under way: one bar a swap, up to its present phase. */
export function Now({ swaps }: { swaps: Swap[] }) {
  const now = useNow();
  const all = swaps.filter((s) => !ended(s));
  const open = all.slice(0, MOST);
  if (open.length === 0) return null;
  const bars = open.map((s) => {
    const steps = barsOf(s).filter((b) => b.start !== null);
    const at = steps.at(-1);
    return { label: nameOf(s).slice(0, 18), start: steps[0]?.start ?? now, end: null, kind: 'running' as const, detail: at?.label };
  });
  return <Panel title="Under way" note={`${all.length > open.length ? `the newest ${open.length} of ${formatCount(all.length)}, ` : ''}each up to its present phase`}><div className="pad"><Gantt bars={bars} now={now} /></div></Panel>;
}
