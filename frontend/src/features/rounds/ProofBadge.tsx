import { Badge } from '@/components/ui';
import type { Certificate } from '@/lib/api';
import { gapText, proofOf } from './proof';

export function ProofBadge({ of, bound }: { of: Certificate | null; bound?: string }) {
  const p = proofOf(of, bound);
  if (!p.checked) return <Badge tone="line" icon="clock">Not yet</Badge>;
  return p.best ? <Badge tone="ok" icon="check">Checked, best possible</Badge> : <Badge tone="warn" icon="half">Checked, {gapText(p)} open</Badge>;
}
