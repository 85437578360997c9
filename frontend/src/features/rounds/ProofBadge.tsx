import { Badge } from '@/components/ui';
import type { Certificate } from '@/lib/api';
import { gapText, proofOf } from './proof';

export function ProofBadge({ of }: { of: Certificate | null }) {
  const p = proofOf(of);
  if (!p.checked) return <Badge tone="line" icon="clock">Not yet</Badge>;
  return p.best ? <Badge tone="ok" icon="check">Checked, best possible</Badge> : <Badge tone="warn" icon="half">Checked, {gapText(p)} open</Badge>;
}
