import { ago, iso, START } from './clock.ts';
import type { Alternative, Difference, Instance, Phase, Swap } from '../lib/api/draft.ts';

const NAMES = ['planned', 'reserved', 'snapshot', 'transferred', 'shadow', 'awaiting_approval', 'fenced', 'activated', 'verified', 'released', 'done'];
const SECONDS = [9, 4, 22, 78, 151, 24, 1, 2, 60, 8, 0];
/** The first `reached` phases ran, the last of them is still on unless the swap ended. */
function phases(reached: number, startedAgo: number, ended: boolean, details: Record<string, string> = {}): Phase[] {
  let at = START - startedAgo * 1000;
  return NAMES.slice(0, ended ? reached : NAMES.length).map((state, i) => {
    if (i >= reached) return { state, started_at: null, ended_at: null };
    const from = at;
    at += (SECONDS[i] ?? 1) * 1000;
    return { state, started_at: iso(from), ended_at: i === reached - 1 && !ended ? null : iso(at), detail: details[state] };
  });
}
const way = (method: string, pool: string, node: string, micros: number, failure: number, gain: string, cost: string, net: string, chosen = false, refused: string | null = null): Alternative =>
  ({ method, to: { pool, node }, downtime_micros: micros, failure, gain, cost, net, chosen, refused });
const WAYS: Alternative[] = [
  way('live', 'fra1-hp', 'node-03', 38_000, 0.008, '61.400000', '15.800000', '45.600000', true),
  way('checkpoint', 'fra1-hp', 'node-03', 800_000, 0.012, '61.400000', '24.030000', '37.370000'),
  way('live', 'ams1-gp', 'node-31', 96_000, 0.04, '47.930000', '14.340000', '33.590000'),
  way('resize', 'fra1-gp', 'node-14', 0, 0, '0.000000', '0.000000', '0.000000', false, '3 of the 8 cores it needs are free on the node'),
  way('partition', 'fra1-gp', '2 nodes', 0, 0, '0.000000', '0.000000', '0.000000', false, 'the driver cannot split a VM'),
];
const SAME: Difference[] = [
  { position: 4112, field: 'align.score[chr7:55181]', live: '0.998214073', shadow: '0.998214071', rule: '± 1e−6', verdict: 'within' },
  { position: 9860, field: 'stats.depth_mean', live: '31.407218', shadow: '31.407217', rule: '± 1e−6', verdict: 'within' },
  { position: 12_001, field: 'report.generated_at', live: '10:11:02.114', shadow: '10:11:02.377', rule: 'ignore', verdict: 'ignored' },
];
const OTHER: Difference[] = [
  { position: 512, field: 'sum', live: '88127441', shadow: '88127442', rule: 'exact', verdict: 'different' },
  { position: 513, field: 'state hash', live: 'blake3:9f31c2e07a', shadow: 'blake3:1d80b4c6f2', rule: 'exact', verdict: 'different' },
  { position: 517, field: 'sum', live: '88140018', shadow: '88140019', rule: 'exact', verdict: 'different' },
];
const base = { resources: { cpu_milli: 16_000, mem_mib: 65_536 }, from: { pool: 'fra1-gp', node: 'node-14' }, to: { pool: 'fra1-hp', node: 'node-03' } };

export const swaps: Swap[] = [
  { ...base, id: 'swp_01KAB6Q0ZX3F4QW84W7QZ2', instance: 'ins_01KAB6Q0ZX3F4QVARC07', instance_name: 'variant-caller-07', state: 'awaiting_approval', method: 'live', deadline: iso(START + 252_000), bytes: 6_871_947_674, downtime_micros: null,
    phases: phases(6, 310, false, { snapshot: '6.4 GiB', transferred: '6.4 GiB + 212 MiB', shadow: '18,204 outputs' }), alternatives: WAYS, differences: { count: 0, compared: 18_204, items: SAME }, reason: null, created_at: ago(310) },
  { ...base, id: 'swp_01KAB6Q0ZX3F4QW84W5MM1', instance: 'ins_01KAB6Q0ZX3F4QCOUNT3', instance_name: 'counter-03', state: 'aborted', method: 'checkpoint', deadline: ago(900), bytes: 4_194_304, downtime_micros: 0,
    phases: phases(5, 1400, true, { shadow: '3 of 518 outputs differ' }), alternatives: WAYS.slice(1, 4), differences: { count: 3, compared: 518, items: OTHER }, reason: 'shadow_mismatch', created_at: ago(1400) },
  { ...base, id: 'swp_01KAB6Q0ZX3F4QW84W3BA7', instance: 'ins_01KAB6Q0ZX3F4QRNASQ2', instance_name: 'rna-seq-02', state: 'done', method: 'live', deadline: ago(2000), bytes: 2_147_483_648, downtime_micros: 41_300,
    phases: phases(11, 2800, true), alternatives: WAYS.slice(0, 3), differences: { count: 0, compared: 9120, items: [] }, reason: null, created_at: ago(2800) },
  { ...base, id: 'swp_01KAB6Q0ZX3F4QW84W1XC4', instance: 'ins_01KAB6Q0ZX3F4QVARC07', instance_name: 'variant-caller-07', state: 'done', method: 'resize', deadline: ago(5000), bytes: 0, downtime_micros: 0,
    phases: phases(2, 5400, true), alternatives: [], differences: { count: 0, compared: 0, items: [] }, reason: null, created_at: ago(5400) },
];
const instance = (end: string, name: string, pool: string, state: string, cores: number, used: number, risk: number, auto: boolean): Instance => ({
  id: `ins_01KAB6Q0ZX3F4Q${end}`, name, driver: 'wasm', pool, node: 'node-14', state, class: 'standard', at_end: 'shrink', notice_seconds: 60, risk,
  baseline: { cpu_milli: cores * 1000, mem_mib: cores * 4096 }, floor: { cpu_milli: cores * 500, mem_mib: cores * 2048 }, limits: { cpu_milli: cores * 1500, mem_mib: cores * 4096 },
  usage: { cpu_milli: Math.round(cores * 1000 * used), mem_mib: Math.round(cores * 2600) }, strategy: { auto_bid: auto, auto_offer: !auto, max_price: auto ? '0.001500000' : null, min_price: auto ? null : '0.000900000' },
});
export const instances: Instance[] = [
  instance('VARC07', 'variant-caller-07', 'fra1-gp', 'running', 16, 1.31, 0.42, true),
  instance('RNASQ2', 'rna-seq-02', 'fra1-hp', 'running', 32, 0.74, 0.06, false),
  instance('COUNT3', 'counter-03', 'fra1-gp', 'running', 4, 0.5, 0.11, false),
  instance('REPRT1', 'nightly-report', 'hel1-gp', 'stopped', 8, 0, 0, false),
];
