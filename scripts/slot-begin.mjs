// Measures how long after the beginning of a slot a won limit is in force in the kernel, and how long after its end it is gone.
//   node scripts/slot-begin.mjs [--headroom target/release/headroom] [--workloads 10] [--slots 3]
// Needs root and Linux control groups. The market is a demo's, with slots of a minute: it takes two minutes for each slot.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values: arg } = parseArgs({ options: { headroom: { type: 'string', default: 'target/release/headroom' }, workloads: { type: 'string', default: '10' }, slots: { type: 'string', default: '3' } } });
const [WORKLOADS, SLOTS] = [Number(arg.workloads), Number(arg.slots)];
const [BASELINE_MILLI, BOUGHT_MILLI, SLOT_SECONDS] = [20, 40, 60];
const work = mkdtempSync(join(tmpdir(), 'slot-begin-'));
const children = [];

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
async function until(what, look) {
  for (let n = 0; n < 300; n += 1) {
    try { const found = await look(); if (found) return found; } catch { /* Not yet. */ }
    await sleep(100);
  }
  throw new Error(`${what} does not come`);
}
/** The file with a workload's limit. */
function limitFile(workload) {
  for (const root of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup'].filter(existsSync)) {
    for (const group of readdirSync(root).filter((name) => name.startsWith('headroom-'))) {
      const found = ['cpu.cfs_quota_us', 'cpu.max'].map((file) => join(root, group, workload, file)).find(existsSync);
      if (found) return found;
    }
  }
  return null;
}
const limit = (file) => Number(readFileSync(file, 'utf8').split(' ')[0]) / 100;

/** Milliseconds from a moment until each file holds a limit. */
async function becomes(files, milli, at) {
  const times = new Map();
  while (times.size < files.length) {
    for (const file of files) if (!times.has(file) && limit(file) === milli) times.set(file, Date.now() - at * 1000);
    if (Date.now() / 1000 > at + SLOT_SECONDS * 0.8) break;
    await sleep(2);
  }
  return [...times.values()];
}
const row = (name, times, of) => {
  const sorted = [...times].sort((a, b) => a - b);
  const part = (share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return `| ${name} | ${times.length} of ${of} | ${part(0.5)} | ${part(0.95)} | ${sorted.at(-1)} |`;
};

try {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  children.push(spawn(arg.headroom, ['up', '--demo', '--data', join(work, 'data'), '--listen', `127.0.0.1:${port}`], { stdio: 'ignore' }));
  await until('the server', async () => (await fetch(`${url}/healthz`)).ok);
  const access = await until('the access file', () => JSON.parse(readFileSync(join(work, 'data', 'demo-access.json'), 'utf8')));
  const all = (Array.isArray(access) ? access : Object.values(access)).flat(3);
  const of = (role) => JSON.stringify(all.find((one) => one?.role === role));
  const ask = async (role, path, body, key) => {
    const headers = { authorization: `Bearer ${of(role).match(/xk_test_[0-9a-f]+/)[0]}`, 'content-type': 'application/json', ...(key && { 'idempotency-key': key }) };
    const answer = await fetch(url + path, { method: body ? 'POST' : 'GET', headers, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${text}`);
    return JSON.parse(text);
  };
  const node = (await ask('operator', '/v1/nodes')).data.find((n) => n.name === 'fra1-gp-b');
  const workloads = [];
  for (let n = 0; n < WORKLOADS; n += 1) {
    const child = spawn('sleep', ['100000'], { stdio: 'ignore' });
    children.push(child);
    const made = await ask('operator', `/v1/nodes/${node.id}/adoptions`, { pid: child.pid, participant: of('tenant').match(/par_[0-9a-z]+/)[0], name: `slot-${n}`, baseline: { cpu_milli: BASELINE_MILLI }, strategy: { auto_offer: null } });
    workloads.push({ id: made.id, file: await until('the limit', () => limitFile(made.id)) });
  }
  const files = workloads.map((w) => w.file);
  const [begins, ends] = [[], []];
  for (let n = 0; n < SLOTS; n += 1) {
    const slot = (Math.ceil(Date.now() / 1000 / SLOT_SECONDS) + 1) * SLOT_SECONDS;
    const at = (seconds) => new Date(seconds * 1000).toISOString().replace(/\.\d+/, '');
    for (const { id } of workloads) {
      await ask('tenant', '/v1/bids', { instance: id, pools: [{ pool: 'fra1-gp' }], resources: { cpu_milli: BOUGHT_MILLI }, min_fill: '1', limit: '10', window: { start_at: at(slot), end_at: at(slot + SLOT_SECONDS) } }, `${id}-${slot}`);
    }
    await sleep(Math.max(0, slot * 1000 - Date.now() - 500));
    begins.push(...await becomes(files, BASELINE_MILLI + BOUGHT_MILLI, slot));
    await sleep(Math.max(0, (slot + SLOT_SECONDS) * 1000 - Date.now() - 500));
    ends.push(...await becomes(files, BASELINE_MILLI, slot + SLOT_SECONDS));
    process.stderr.write(`slot ${n + 1} of ${SLOTS}: ${begins.length} begun, ${ends.length} ended\n`);
  }
  console.log(`| limits in the kernel | seen | median ms | 95 % ms | most ms |\n|---|---|---|---|---|\n${row('after a slot begins', begins, SLOTS * WORKLOADS)}\n${row('after it ends', ends, SLOTS * WORKLOADS)}`);
} finally {
  for (const child of children.reverse()) { child.kill('SIGTERM'); await sleep(20); }
  await sleep(3000);
  for (const child of children) child.kill('SIGKILL');
  rmSync(work, { recursive: true, force: true });
}
