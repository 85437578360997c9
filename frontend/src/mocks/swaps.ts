import { ago, iso, slotAt, START } from './clock.ts';
import type { Difference, Instance, Node, Phase, Swap, SwapExplain } from '../lib/api/objects.ts';

export const nodes: [Node, Node] = [{ id: 'nod_01KAB6Q0ZX3F4Q6X4ACTM9', name: 'fra1-gp-14', pool: 'fra1-gp' }, { id: 'nod_01KAB6Q0ZX3F4QBVCS4NP2', name: 'fra1-hp-03', pool: 'fra1-hp' }];
const NAMES = ['planned', 'reserved', 'snapshot', 'transferred', 'shadow', 'fenced', 'activated', 'verified', 'released', 'done'];
const SECONDS = [0, 4, 22, 78, 151, 1, 2, 60, 8, 0];
/** The first `reached` phases ran; the last of them is still on unless the swap ended. */
function phases(reached: number, startedAgo: number, end: string | null, details: Record<string, string> = {}): Phase[] {
  let at = START - startedAgo * 1000;
  const ran = NAMES.slice(0, reached).map((state, i): Phase => {
    const from = at;
    at += (SECONDS[i] ?? 1) * 1000;
    return { state, started_at: iso(from), ended_at: i === reached - 1 && !end ? null : iso(at), detail: details[state] ?? null };
  });
  return end && end !== 'done' ? [...ran, { state: end, started_at: iso(at), ended_at: iso(at), detail: details[end] ?? null }] : ran;
}
const OTHER: Difference[] = [
  { position: 512, field: 'sum', live: '88127441', shadow: '88127442' }, { position: 513, field: 'state hash', live: 'blake3:9f31c2e07a', shadow: 'blake3:1d80b4c6f2' }, { position: 517, field: 'sum', live: '88140018', shadow: '88140019' },
];
type Part = Partial<Swap> & Pick<Swap, 'id' | 'instance' | 'instance_name' | 'state' | 'method' | 'phases' | 'created_at'>;
const swap = (s: Part): Swap => ({
  participant: 'par_01KAB6Q0ZX3F4QGENOM', pool_from: 'fra1-gp', pool_to: 'fra1-hp', node_from: nodes[0].id, node_to: nodes[1].id, limits_from: { cpu_milli: 8000, mem_mib: 65_536 }, limits_to: { cpu_milli: 16_000, mem_mib: 65_536 },
  slot: slotAt(1), expected_gain: '45.600000', deadline: iso(START + 252_000), depends_on: [], pairs: [{ pool: 'fra1-gp', resource: 'cpu_milli', quantity: 6000, counterpart: 'operator', instance: null, distance: 1 }, { pool: 'fra1-gp', resource: 'cpu_milli', quantity: 2000, counterpart: 'another_member', instance: null, distance: 2 }], causes: [], epoch: 41, bytes: 0, downtime_micros: null, positions_compared: 0, difference_count: 0, differences: [],
  reason: null, cancel_requested: null, ended_at: null, ...s,
});

export const swaps: Swap[] = [
  swap({ id: 'swp_01KAB6Q0ZX3F4QW84W7QZ2', instance: 'ins_01KAB6Q0ZX3F4QVARC07', instance_name: 'variant-caller-07', state: 'awaiting_approval', method: 'live', created_at: ago(134),
    bytes: 4_194_304, positions_compared: 24, causes: [{ kind: 'won', order: 'bid_01KAB6Q0ZX3F4QW84W9QAA', orders: 1, pool: 'fra1-hp', resource: 'cpu_milli', quantity: 8000, pays: '7.200000', is_paid: '0.000000' }],
    phases: [...phases(4, 134, 'done', { transferred: '4,096 KiB sent' }), { state: 'shadow', started_at: ago(30), ended_at: ago(12), detail: '12 inputs gave the same on both sides' }, { state: 'awaiting_approval', started_at: ago(12), ended_at: null, detail: null }],
    approval: { ask_by: slotAt(1), answer_by: slotAt(2), asked_at: ago(12), evidence: { at: ago(4), positions_compared: 24, states_compared: 24, lag: 1, live_latency_micros: 850, shadow_latency_micros: 1240 }, answer: null } }),
  swap({ id: 'swp_01KAB6Q0ZX3F4QW84W5MM1', instance: 'ins_01KAB6Q0ZX3F4QCOUNT3', instance_name: 'counter-03', state: 'aborted', method: 'checkpoint', bytes: 4_194_304, positions_compared: 518, difference_count: 3, differences: OTHER, reason: 'shadow_mismatch',
    created_at: ago(1400), ended_at: ago(1136), phases: phases(5, 1400, 'aborted', { shadow: '3 of 518 outputs differ' }) }),
  swap({ id: 'swp_01KAB6Q0ZX3F4QW84W3BA7', instance: 'ins_01KAB6Q0ZX3F4QRNASQ2', instance_name: 'rna-seq-02', state: 'done', method: 'live', bytes: 2_147_483_648, downtime_micros: 41_300, positions_compared: 9120, created_at: ago(2800), ended_at: ago(2400), phases: phases(10, 2800, 'done') }),
  swap({ id: 'swp_01KAB6Q0ZX3F4QW84W1XC4', instance: 'ins_01KAB6Q0ZX3F4QVARC07', instance_name: 'variant-caller-07', state: 'done', method: 'resize', pool_to: 'fra1-gp', node_to: nodes[0].id, downtime_micros: 0, created_at: ago(5400), ended_at: ago(5386), phases: phases(2, 5400, 'done') }),
];

/** Why a swap is made: what its workload won, and nothing where it stays as it was. */
export const explainSwap = (s: Swap): SwapExplain => {
  const won = (resource: 'cpu_milli' | 'mem_mib') => (s.limits_to[resource] ?? 0) - (s.limits_from[resource] ?? 0);
  const because = (['cpu_milli', 'mem_mib'] as const).filter((r) => won(r) > 0).map((resource) => ({
    kind: 'won', order: 'bid_01KAB6Q0ZX3F4QW84W9QAA', orders: 1, pool: s.pool_to, resource, quantity: won(resource), pays: '7.200000', is_paid: '0.000000', sentence: `It won ${String(won(resource))} of ${resource}.`,
  }));
  return { swap: s.id, sentence: because.map((b) => b.sentence).join(' '), because, until_then: null, gained: [], pays: because.length > 0 ? '7.200000' : '0.000000', is_paid: '0.000000' };
};

const instance = (end: string, name: string, pool: string, state: string, cores: number, auto: boolean): Instance => ({
  id: `ins_01KAB6Q0ZX3F4Q${end}`, participant: 'par_01KAB6Q0ZX3F4QGENOM', name, driver: 'wasm', module: 'mod_01KAB6Q0ZX3F4Q', pool, node: nodes[0].id, epoch: 41, state, class: 'standard', swap: null, fault: null, pinned_until: null, at_end: 'shrink', shown_at_end: 'shrink', created_at: ago(90_000),
  baseline: { cpu_milli: cores * 1000, mem_mib: cores * 4096 }, floor: { cpu_milli: cores * 500, mem_mib: cores * 2048 }, limit: { cpu_milli: cores * 4000, mem_mib: cores * 8192 }, in_force: { cpu_milli: cores * 1500, mem_mib: cores * 4096 },
  strategy_version: 4, strategy: { auto_bid: auto ? { shortage_cost: { cpu_milli: '0.001500000', mem_mib: '0.000080000' } } : null, auto_offer: auto ? null : { minimum_price: { cpu_milli: '0.000900000' } } },
});
export const instances: Instance[] = [
  instance('VARC07', 'variant-caller-07', 'fra1-gp', 'running', 16, true), instance('RNASQ2', 'rna-seq-02', 'fra1-hp', 'running', 32, false),
  instance('COUNT3', 'counter-03', 'fra1-gp', 'running', 4, false), instance('REPRT1', 'nightly-report', 'hel1-gp', 'stopped', 8, false),
  { ...instance('THUMB4', 'thumbnails', 'hel1-gp', 'failed', 2, false), fault: { at: ago(900), detail: 'The guest trapped at input 4,312: out of bounds memory access.' } },
];
