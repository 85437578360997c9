// Watches a demo server from outside until each stage of the chain has been seen, through the API alone:
// forecast, automatic order, cleared round, resize, move, settled delivery, books that balance.
//   node scripts/demo-chain.mjs --url http://127.0.0.1:8080 --access data/demo-access.json [--seconds 300]
// Prints the second of each stage; fails on a stage that does not come, and if the settled delivery takes
// more than 180 s. The diverging shadow run is reported, not demanded: its move may come later.
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

const { values: arg } = parseArgs({
  options: { url: { type: 'string', default: 'http://127.0.0.1:8080' }, access: { type: 'string' }, seconds: { type: 'string', default: '300' } },
});
if (!arg.access) throw new Error('--access demo-access.json is required');
const users = JSON.parse(readFileSync(arg.access, 'utf8')).users;
const keyOf = (role) => users.find((user) => user.role === role).api_key;
const started = Date.now();
const passed = () => Math.round((Date.now() - started) / 1000);

async function get(role, path) {
  const answer = await fetch(`${arg.url}${path}`, { headers: { authorization: `Bearer ${keyOf(role)}` } });
  if (!answer.ok) throw new Error(`GET ${path}: ${answer.status} ${(await answer.text()).slice(0, 300)}`);
  return answer.json();
}
const list = async (role, path) => (await get(role, path)).data;

const settled = { name: 'delivery settled', within: 180, seen: async () => (await list('finance', '/v1/receipts?limit=500')).some((r) => r.lines.some((l) => l.delivered > 0)) };
const stages = [
  { name: 'forecast', seen: async () => (await list('admin', '/v1/forecasts/accuracy')).some((s) => s.points.length > 0) },
  { name: 'automatic order', seen: async () => (await list('admin', '/v1/bids?limit=500')).concat(await list('admin', '/v1/offers?limit=500')).some((o) => o.origin !== 'manual') },
  { name: 'verified round with awards', seen: async () => (await list('admin', '/v1/rounds?limit=100')).some((r) => r.awards > 0 && r.certificate?.verified) },
  { name: 'resize done', seen: async () => (await list('operator', '/v1/swap_history?limit=500')).some((s) => s.state === 'done' && s.method === 'resize') },
  { name: 'move done', seen: async () => (await list('operator', '/v1/swap_history?limit=500')).some((s) => s.state === 'done' && s.method !== 'resize') },
  settled,
  { name: 'shadow run diverged, move aborted', optional: true, seen: async () => (await list('operator', '/v1/swap_history?limit=500')).some((s) => s.reason === 'shadow_mismatch' && s.difference_count > 0) },
];

const waiting = new Set(stages);
while (waiting.size > 0 && passed() < Number(arg.seconds)) {
  for (const stage of waiting) {
    if (await stage.seen()) {
      stage.at = passed();
      waiting.delete(stage);
      console.log(`${String(stage.at).padStart(4)} s  ${stage.name}`);
    }
  }
  if ([...waiting].every((stage) => stage.optional) && passed() > 240) break;
  await new Promise((next) => setTimeout(next, 1000));
}

const faults = [];
for (const stage of waiting) {
  if (stage.optional) console.log(`   - s  ${stage.name}: not seen in ${passed()} s`);
  else faults.push(`${stage.name}: not seen in ${passed()} s`);
}
for (const stage of stages) if (stage.within && stage.at > stage.within) faults.push(`${stage.name}: after ${stage.at} s, more than ${stage.within}`);
const summary = await get('finance', '/v1/finance/summary');
if (Number(summary.sum) !== 0) faults.push(`all balances sum to ${summary.sum}, not 0`);
else console.log('all balances sum to 0');
for (const fault of faults) console.error(`FAULT ${fault}`);
process.exit(faults.length > 0 ? 1 : 0);
