// Measures one agent with many workloads: its CPU, and the time from a new limit in its list to the limit in the kernel.
//   node scripts/agent-load.mjs [--headroom target/release/headroom] [--workloads 1000] [--seconds 30] [--changes 40]
// The agent, the processes and the control groups are real. The market is replaced by a list that this script gives out, so
// that only the agent is measured. Needs root and Linux control groups. Prints a table of ratios.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values: arg } = parseArgs({ options: {
  headroom: { type: 'string', default: 'target/release/headroom' }, workloads: { type: 'string', default: '1000' },
  seconds: { type: 'string', default: '30' }, changes: { type: 'string', default: '40' },
} });
const [WORKLOADS, SECONDS, CHANGES] = [arg.workloads, arg.seconds, arg.changes].map(Number);
const NODE = 'nod_agentload';
/** How long a market waits before it answers a heartbeat with nothing new. */
const LONGEST_WAIT = 2_000;
const TICKS_A_SECOND = 100;
const children = [];

const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
const fields = (pid) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1).split(' ');
const cpuSeconds = (pid) => fields(pid).slice(11, 13).reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_A_SECOND;
const started = (pid) => Number(fields(pid)[19]);

// ---- what the market would give out
let list = 1;
let wanted = [];
let told = { carried_out: 0, workloads: [] };
let heartbeats = 0;
const waiting = new Set();
function change(next) {
  next();
  list += 1;
  for (const answer of waiting) answer();
  waiting.clear();
}
const server = createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const json = (body) => { response.setHeader('content-type', 'application/json'); response.end(JSON.stringify(body)); };
  if (request.url === '/v1/nodes') return json({ data: [{ id: NODE, name: 'load' }] });
  told = JSON.parse(Buffer.concat(parts).toString());
  heartbeats += 1;
  if (told.carried_out === list) {
    await new Promise((answer) => { waiting.add(answer); setTimeout(() => { waiting.delete(answer); answer(); }, LONGEST_WAIT); });
  }
  return json({ list, wanted, list_candidates: false });
}).listen(0, '127.0.0.1');

/** The file with a workload's limit, and the limit that it must hold in thousandths of a core. */
function limitFile(instance) {
  for (const root of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup']) {
    if (!existsSync(root)) continue;
    for (const group of readdirSync(root).filter((name) => name.startsWith('headroom-'))) {
      for (const file of ['cpu.cfs_quota_us', 'cpu.max']) {
        const path = join(root, group, instance, file);
        if (existsSync(path)) return path;
      }
    }
  }
  throw new Error(`no control group of ${instance}`);
}
const limit = (file) => Number(readFileSync(file, 'utf8').split(' ')[0]) / 100;
const part = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];

try {
  for (let n = 0; n < WORKLOADS; n += 1) children.push(spawn('sleep', ['100000'], { stdio: 'ignore' }));
  await sleep(500);
  wanted = children.map(({ pid }, n) => ({
    instance: `ins_load${n}`, epoch: 1, cpu_milli: 200,
    adopted: { kind: 'process', pid, started_ticks: started(pid), boot, command: 'sleep 100000' },
  }));
  const agent = spawn(arg.headroom, ['work', '--node', 'load', '--server', `http://127.0.0.1:${server.address().port}`], {
    stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, HEADROOM_KEY: 'xk_load' },
  });
  children.push(agent);
  const begun = Date.now();
  while (told.carried_out !== list || told.workloads.length < WORKLOADS) {
    if (agent.exitCode !== null) throw new Error('the agent has ended');
    if (Date.now() - begun > 600_000) throw new Error(`only ${told.workloads.length} workloads are adopted after 10 minutes`);
    process.stderr.write(`\r${told.workloads.length} of ${WORKLOADS} adopted `);
    await sleep(200);
  }
  const adoptedSeconds = (Date.now() - begun) / 1000;
  process.stderr.write(`\radopted in ${adoptedSeconds.toFixed(1)} s; at rest for ${SECONDS} s\n`);
  const refused = told.workloads.filter((one) => one.refused || one.ended);
  if (refused.length > 0) throw new Error(`refused: ${JSON.stringify(refused[0])}`);
  const [before, at, beats] = [cpuSeconds(agent.pid), Date.now(), heartbeats];
  await sleep(SECONDS * 1000);
  const share = (cpuSeconds(agent.pid) - before) / ((Date.now() - at) / 1000);
  const perSecond = (heartbeats - beats) / ((Date.now() - at) / 1000);
  const times = [];
  for (let n = 0; n < CHANGES; n += 1) {
    const one = wanted[(n * 37) % WORKLOADS];
    const file = limitFile(one.instance);
    const next = 300 + n;
    const from = performance.now();
    change(() => { one.cpu_milli = next; });
    while (limit(file) !== next) {
      if (performance.now() - from > 30_000) throw new Error(`${one.instance} has ${limit(file)} instead of ${next}`);
      await sleep(1);
    }
    times.push(performance.now() - from);
    await sleep(100 + (n % 7) * 90);
  }
  times.sort((a, b) => a - b);
  console.log(`| workloads | CPU of the agent at rest, of a core | heartbeats a second | limit in the kernel after a change: median, 95 %, most | adopted in |
|---|---|---|---|---|
| ${WORKLOADS} | ${(share * 100).toFixed(2)} % | ${perSecond.toFixed(2)} | ${part(times, 0.5).toFixed(0)}, ${part(times, 0.95).toFixed(0)}, ${times.at(-1).toFixed(0)} ms of ${CHANGES} | ${adoptedSeconds.toFixed(1)} s |`);
  const gone = begun && children.length;
  change(() => { wanted = []; });
  for (let n = 0; n < 600 && told.workloads.length > 0; n += 1) await sleep(100);
  if (told.workloads.length > 0) throw new Error(`${told.workloads.length} of ${gone} are not let go`);
} finally {
  for (const child of children.reverse()) child.kill('SIGTERM');
  server.close();
  server.closeAllConnections();
}
