import { Badge, type IconName, type Tone } from '@/components/ui';
import type { FullNode } from '@/lib/api';
import { isDrained, stateWord } from '@/lib/nodes';

const LOOKS: Record<string, { tone: Tone; icon: IconName }> = {
  up: { tone: 'ok', icon: 'check' }, cordoned: { tone: 'warn', icon: 'pause' }, draining: { tone: 'acc', icon: 'out' }, down: { tone: 'bad', icon: 'cross' },
};

export function NodeState({ node }: { node: FullNode }) {
  const look = isDrained(node) ? { tone: 'line' as const, icon: 'check' as const } : (LOOKS[node.state] ?? { tone: 'bad' as const, icon: 'cross' as const });
  return <Badge tone={look.tone} icon={look.icon}>{stateWord(node)}</Badge>;
}
