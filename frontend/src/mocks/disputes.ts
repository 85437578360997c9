import { ago } from './clock.ts';
import { receipts } from './finance.ts';
import type { Dispute, Receipt } from '../lib/api/objects.ts';

const made = (n: number, of: Receipt, more: Partial<Dispute>): Dispute => ({
  id: `dsp_01KAB6Q0ZX3F4QW87K2M9X${1000 + n}`, participant: of.participant, receipt: of.id, award: of.award, order: of.order, instance: of.instance, round: of.round, slot: of.slot,
  evidence: { result_hash: 'blake3:a07f3312', swaps: ['swp_01KAB6Q0ZX3F4QW87K2M9X3AVA'] }, state: 'open', reason: 'The workload stood still for half the slot', claimed: of.amount, note: '0.000000', decision: null,
  opened_by: 'usr_01KAB6Q0ZX3F4Q', opened_at: ago(7200 - n * 60), decided_by: null, decided_at: null, ...more,
});
/** One that waits and one that was upheld in part. */
export const disputes: Dispute[] = [
  made(1, receipts[1] as Receipt, {}),
  made(2, receipts[0] as Receipt, { state: 'upheld', reason: 'Its node was slow', note: '5.000000', decision: 'Slow for 14 s of 60', decided_by: 'usr_01KAB6Q0ZX3F4Q', decided_at: ago(3600) }),
];
export function openDispute({ receipt, reason, claimed }: { receipt: string; reason: string; claimed: string }): Dispute {
  const of = receipts.find((r) => r.id === receipt) ?? (receipts[0] as Receipt);
  const dispute = made(disputes.length + 1, of, { reason, claimed });
  disputes.unshift(dispute);
  return dispute;
}
