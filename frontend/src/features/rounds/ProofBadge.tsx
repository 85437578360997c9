import { Badge } from '@/components/ui';
import type { Certificate } from '@/lib/api';
import { gapText, nodesAreFull, proofOf } from './proof';

export function ProofBadge({ of }: { of: Certificate | null }) {
  const p = proofOf(of);
  if (!p.checked) return <Badge tone="line" icon="clock">Not yet</Badge>;
  if (p.best) return <Badge tone="ok" icon="check">Checked, best possible</Badge>;
  return <Badge tone="warn" icon="half">{nodesAreFull(of) ? 'Checked, nodes full' : `Checked, ${gapText(p)} open`}</Badge>;
}
