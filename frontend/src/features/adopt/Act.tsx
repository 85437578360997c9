import { Button, PageLink } from '@/components/ui';
import type { Candidate } from '@/lib/api';
import { refusalOf, titleOf } from './adopt';

/** The workload that something is already, and what to call it. */
export interface Adopted { id: string; name: string }
export interface Rows<C extends Candidate> { rows: C[]; /** When they were read, as the server counts. */ readAt: number; cut: boolean; empty: string; adopted: (c: Candidate) => Adopted | null; onAdopt: (c: Candidate) => void }

/** Last in a row: the workload that it is, or the way to make it one. Why something can be none is said beside its name. */
export function Act({ of, workload, onAdopt }: { of: Candidate; workload: Adopted | null; onAdopt: (c: Candidate) => void }) {
  if (workload) return <PageLink className="underline" to="/workloads" search={{ workload: workload.id }}>{workload.name}</PageLink>;
  if (refusalOf(of)) return null;
  return <Button size="sm" aria-label={`Adopt ${titleOf(of)}`} onClick={() => onAdopt(of)}>Adopt…</Button>;
}
