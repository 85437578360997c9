// Buys CPU for an unchanged nginx and an unchanged PostgreSQL under load, and shows how their throughput follows the limit
// in the kernel. Writes docs/images/host-load.svg and prints a table of ratios.
//   node scripts/host-load.mjs [--headroom target/release/headroom] [--only nginx|postgresql]
// Needs Linux control groups, root, nginx, wrk, PostgreSQL and pgbench. It takes some six minutes.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

const { values: arg } = parseArgs({ options: { headroom: { type: 'string', default: 'target/release/headroom' }, only: { type: 'string' }, out: { type: 'string', default: 'docs/images' } } });
const BASELINE_MILLI = 200;
const BOUGHT_MILLI = 500;
const SAMPLE_SECONDS = 4;
const SLOT_SECONDS = 60;
const work = mkdtempSync(join(tmpdir(), 'host-load-'));
const children = [];

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => { const { port } = server.address(); server.close(() => resolve(port)); });
});
const start = (program, args, options = {}) => {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], ...options });
  child.stderr?.on('data', (text) => appendFileSync(join(work, 'log'), text));
  children.push(child);
  return child;
};
const run = (program, args, options = {}) => {
  const ran = spawnSync(program, args, { encoding: 'utf8', ...options });
  if (ran.status !== 0) throw new Error(`${program}: ${ran.stderr || ran.error}`);
  return ran.stdout;
};
async function until(what, look) {
  for (let n = 0; n < 200; n += 1) {
    try { const found = await look(); if (found) return found; } catch { /* Not yet. */ }
    await sleep(100);
  }
  throw new Error(`${what} does not come`);
}

async function nginx() {
  const port = await freePort();
  const folder = join(work, 'nginx');
  mkdirSync(folder);
  writeFileSync(join(folder, 'index.html'), 'x'.repeat(1024));
  writeFileSync(join(folder, 'nginx.conf'), `daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log; user root;
events {} http { access_log off; server { listen 127.0.0.1:${port}; root ${folder}; } }`);
  const child = start('nginx', ['-c', join(folder, 'nginx.conf'), '-p', folder, '-e', join(folder, 'error.log')]);
  await until('nginx', async () => (await fetch(`http://127.0.0.1:${port}/`)).ok);
  const sample = () => Number(/Requests\/sec:\s+([\d.]+)/.exec(run('wrk', ['-t1', '-c16', `-d${SAMPLE_SECONDS}`, `http://127.0.0.1:${port}/index.html`]))[1]);
  return { name: 'nginx', unit: 'requests a second', pid: child.pid, sample };
}

async function postgresql() {
  const port = await freePort();
  const folder = join(work, 'postgresql');
  mkdirSync(folder);
  const version = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a))[0];
  const bin = join('/usr/lib/postgresql', version, 'bin');
  const [uid, gid] = ['-u', '-g'].map((flag) => Number(run('id', [flag, 'postgres'])));
  for (const path of [work, folder]) chownSync(path, uid, gid);
  const as = { uid, gid, cwd: folder, env: { ...process.env, HOME: folder } };
  run(join(bin, 'initdb'), ['-D', join(folder, 'data'), '-U', 'postgres', '--auth=trust', '--no-sync'], as);
  const child = start(join(bin, 'postgres'), ['-D', join(folder, 'data'), '-p', String(port), '-k', folder, '-c', 'listen_addresses=127.0.0.1', '-c', 'fsync=off'], as);
  const reach = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres'];
  await until('PostgreSQL', () => spawnSync(join(bin, 'pg_isready'), reach).status === 0);
  run(join(bin, 'pgbench'), [...reach, '-i', '-s', '1', '-q', 'postgres'], as);
  const sample = () => Number(/tps = ([\d.]+)/.exec(run(join(bin, 'pgbench'), [...reach, '-S', '-n', '-c', '4', '-T', String(SAMPLE_SECONDS), 'postgres'], as))[1]);
  return { name: 'PostgreSQL', unit: 'transactions a second', pid: child.pid, sample };
}

/** The limit in force, in thousandths of a core, read in the kernel. */
function limit(workload) {
  for (const root of ['/sys/fs/cgroup/cpu', '/sys/fs/cgroup/cpu,cpuacct', '/sys/fs/cgroup']) {
    if (!existsSync(root)) continue;
    for (const group of readdirSync(root).filter((name) => name.startsWith('headroom-'))) {
      const folder = join(root, group, workload);
      if (existsSync(join(folder, 'cpu.cfs_quota_us'))) return Number(readFileSync(join(folder, 'cpu.cfs_quota_us'), 'utf8')) / 100;
      if (existsSync(join(folder, 'cpu.max'))) return Number(readFileSync(join(folder, 'cpu.max'), 'utf8').split(' ')[0]) / 100;
    }
  }
  return Number.NaN;
}

async function measure(program, market) {
  const { url, key, tenant } = market;
  const ask = async (role, path, body, headers = {}) => {
    const answer = await fetch(url + path, { method: body ? 'POST' : 'GET', headers: { authorization: `Bearer ${key(role)}`, 'content-type': 'application/json', ...headers }, body: body && JSON.stringify(body) });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path}: ${text}`);
    return JSON.parse(text);
  };
  const node = (await ask('operator', '/v1/nodes')).data.find((n) => n.name === 'fra1-gp-b');
  const workload = await ask('operator', `/v1/nodes/${node.id}/adoptions`, { pid: program.pid, participant: tenant, name: `load-${program.name.toLowerCase()}`, baseline: { cpu_milli: BASELINE_MILLI }, strategy: { auto_offer: null } });
  await until('the limit', () => limit(workload.id) === BASELINE_MILLI);
  const slot = (Math.ceil(Date.now() / 1000 / SLOT_SECONDS) + 1) * SLOT_SECONDS;
  const at = (seconds) => new Date(seconds * 1000).toISOString().replace(/\.\d+/, '');
  await ask('tenant', '/v1/bids', { instance: workload.id, pools: [{ pool: 'fra1-gp' }], resources: { cpu_milli: BOUGHT_MILLI }, min_fill: '1', limit: '20', window: { start_at: at(slot), end_at: at(slot + SLOT_SECONDS) } }, { 'idempotency-key': `${program.name}-${slot}` });
  const samples = [];
  while (Date.now() / 1000 < slot + SLOT_SECONDS * 1.8) {
    const [begin, before] = [Date.now() / 1000 - slot, limit(workload.id)];
    const rate = program.sample();
    // A sample in which the limit changed is of neither.
    samples.push({ at: begin + SAMPLE_SECONDS / 2, rate, milli: before === limit(workload.id) ? before : null });
    process.stdout.write(`\r${program.name}: ${samples.length} samples, ${before} thousandths of a core `);
    await sleep(50);
  }
  process.stdout.write('\n');
  return { ...program, samples };
}

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Two panels: throughput as dots, the limit as steps behind them. */
function picture(results) {
  const [width, height, left, gap] = [760, 190, 60, 46];
  const [from, to] = [-70, SLOT_SECONDS * 1.8];
  const x = (at) => left + ((at - from) / (to - from)) * (width - left - 20);
  const panel = (result, index) => {
    const top = 34 + index * (height + gap);
    const most = Math.max(...result.samples.map((s) => s.rate)) * 1.15;
    const y = (rate) => top + height - (rate / most) * height;
    const perMilli = median(result.samples.filter((s) => s.milli).map((s) => s.rate / s.milli));
    const step = (a, b, milli) => `<rect x="${x(a).toFixed(1)}" y="${y(milli * perMilli).toFixed(1)}" width="${(x(b) - x(a)).toFixed(1)}" height="${(top + height - y(milli * perMilli)).toFixed(1)}" fill="#4f7cac" opacity="0.22"/>`;
    const dots = result.samples.filter((s) => s.at >= from).map((s) => `<circle cx="${x(s.at).toFixed(1)}" cy="${y(s.rate).toFixed(1)}" r="3" fill="#c8553d"/>`);
    const marks = [0, 0.5, 1].map((part) => `<text x="${left - 6}" y="${(y(most * part / 1.15) + 4).toFixed(1)}" text-anchor="end">${Math.round(most * part / 1.15).toLocaleString('en')}</text>`);
    return `<text x="${left}" y="${top - 10}" font-weight="bold">${result.name}: ${result.unit}</text>${step(from, 0, BASELINE_MILLI)}${step(0, SLOT_SECONDS, BASELINE_MILLI + BOUGHT_MILLI)}${step(SLOT_SECONDS, to, BASELINE_MILLI)}${dots.join('')}${marks.join('')}<line x1="${left}" x2="${width - 20}" y1="${top + height}" y2="${top + height}" stroke="#888"/>`;
  };
  const total = 34 + results.length * (height + gap) + 14;
  const ticks = [-60, 0, 60].map((at) => `<text x="${x(at).toFixed(1)}" y="${total - 34}" text-anchor="middle">${at} s</text>`);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${total}" font-family="sans-serif" font-size="12" fill="#555">
<rect width="${width}" height="${total}" fill="#fff"/>${results.map(panel).join('')}${ticks.join('')}
<text x="${left}" y="${total - 12}">Seconds from the beginning of the bought slot. Blue: the limit, ${BASELINE_MILLI} and ${BASELINE_MILLI + BOUGHT_MILLI} thousandths of a core. Dots: throughput.</text>
</svg>\n`;
}

try {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  start(arg.headroom, ['up', '--demo', '--data', join(work, 'data'), '--listen', `127.0.0.1:${port}`]);
  await until('the server', async () => (await fetch(`${url}/healthz`)).ok);
  const access = await until('the access file', () => JSON.parse(readFileSync(join(work, 'data', 'demo-access.json'), 'utf8')));
  const all = (Array.isArray(access) ? access : Object.values(access)).flat(3);
  const of = (role) => all.find((one) => one?.role === role);
  const market = { url, key: (role) => JSON.stringify(of(role)).match(/xk_test_[0-9a-f]+/)[0], tenant: JSON.stringify(of('tenant')).match(/par_[0-9a-z]+/)[0] };
  const results = [];
  for (const program of [nginx, postgresql].filter((make) => !arg.only || make.name === arg.only)) results.push(await measure(await program(), market));
  console.log('| program | throughput with 700 ÷ with 200, medians | limits | samples |\n|---|---|---|---|');
  for (const { name, samples } of results) {
    const rates = (milli) => samples.filter((s) => s.milli === milli).map((s) => s.rate);
    const [low, high] = [rates(BASELINE_MILLI), rates(BASELINE_MILLI + BOUGHT_MILLI)];
    console.log(`| ${name} | ${(median(high) / median(low)).toFixed(2)} (${(Math.min(...high) / median(low)).toFixed(2)}–${(Math.max(...high) / median(low)).toFixed(2)}) | 3.50 | ${low.length} and ${high.length} |`);
  }
  writeFileSync(join(arg.out, 'host-load.svg'), picture(results));
} finally {
  for (const child of children.reverse()) { child.kill('SIGTERM'); await Promise.race([new Promise((done) => { child.exitCode === null ? child.once('exit', done) : done(); }), sleep(5000)]); child.kill('SIGKILL'); }
  rmSync(work, { recursive: true, force: true });
}
