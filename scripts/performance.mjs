// Measures the clearing engine beside a peer on the same books, one after the other, and writes docs/performance.md
// and docs/images/performance.svg. Times are CPU seconds; only their ratio means something.
//   node scripts/performance.mjs --peer 'python3 peer.py --relax' --peer-name HiGHS [--seeds 5] [--cases 1k,10k]
// The peer is any program: it is given a book's path and prints JSON with `solve_s` (CPU seconds) and `welfare`.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const { values: arg } = parseArgs({ options: {
  headroom: { type: 'string', default: 'target/release/headroom' }, peer: { type: 'string' }, 'peer-name': { type: 'string', default: 'the peer' },
  seeds: { type: 'string', default: '5' }, cases: { type: 'string' }, out: { type: 'string', default: 'docs' },
} });
const CASES = {
  '1k': { orders: 1_000, pools: 8, slots: 1, nodes: 0, what: '1,000 orders' },
  '10k': { orders: 10_000, pools: 8, slots: 1, nodes: 0, what: '10,000 orders' },
  '10k-nodes': { orders: 10_000, pools: 8, slots: 1, nodes: 500, what: '10,000 orders, 500 nodes, half of the bids bound to one' },
  '100k': { orders: 100_000, pools: 8, slots: 1, nodes: 0, what: '100,000 orders' },
  '100k-pools': { orders: 100_000, pools: 80, slots: 1, nodes: 0, what: '100,000 orders in 80 pools' },
  '100k-slots': { orders: 100_000, pools: 20, slots: 6, nodes: 0, what: '100,000 orders over 6 slots' },
  '1M': { orders: 1_000_000, pools: 8, slots: 1, nodes: 0, what: '1,000,000 orders' },
};
const LINE = ['1k', '10k', '100k', '1M'];
const RESOURCES = [['cpu_milli', 0.05, 4000], ['mem_mib', 0.004, 16_384]];
const chosen = (arg.cases ?? Object.keys(CASES).join(',')).split(',');
for (const name of chosen) if (!CASES[name]) throw new Error(`unknown case ${name}; there are ${Object.keys(CASES).join(', ')}`);

/** Mulberry32: the same books from the same seed anywhere. */
function chance(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Bids of one resource or a bundle of both, a fifth with a second pool, a sixth of all are offers; supply in three steps. */
function book({ orders, pools, slots, nodes }, seed) {
  const next = chance(seed);
  const whole = (low, high) => low + Math.floor(next() * (high - low + 1));
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  const each = orders / pools / (slots === 1 ? 1 : slots / 2);
  const products = [];
  for (let p = 0; p < pools; p += 1) for (const [resource, price, size] of RESOURCES) for (let slot = 0; slot < slots; slot += 1) {
    const all = Math.ceil(each * size * 0.3);
    const step = (part, factor) => ({ quantity: Math.ceil(all * part), reserve: (price * factor).toFixed(9) });
    products.push({ pool: `p${p}`, resource, slot, reference: price.toFixed(9), supply: [step(0.5, 0.5), step(0.25, 0.8), step(0.25, 1.5)] });
  }
  const room = Object.fromEntries(RESOURCES.map(([resource, , size]) => [resource, Math.ceil(orders / Math.max(1, nodes) * size * 0.35) + size]));
  const listed = Array.from({ length: nodes }, (_, n) => ({ id: `n${n}`, pool: `p${n % pools}`, capacity: room }));
  const nodeOf = (pool) => `n${(pool + pools * whole(0, Math.max(0, Math.floor(nodes / pools) - 1))) % nodes}`;
  const list = [];
  for (let n = 0; n < orders; n += 1) {
    const pool = whole(0, pools - 1);
    const first = whole(0, slots - 1);
    const last = Math.min(slots - 1, first + whole(0, 2));
    if (next() < 0.15) {
      const [resource, price, size] = RESOURCES[whole(0, 1)];
      const quantity = whole(1, size);
      const limit = (quantity * price * (0.3 + 1.2 * next())).toFixed(6);
      list.push({ id: `o${n}`, owner: `t${n % 97}`, side: 'offer', limit, ...(nodes ? { node: nodeOf(pool) } : {}), alternatives: [{ quantities: [[`p${pool}`, resource, first, quantity]] }] });
      continue;
    }
    const bundle = next() < 0.5 ? [['cpu_milli', whole(100, 4000)]] : [['cpu_milli', whole(1, 16) * 250], ['mem_mib', whole(1, 16) * 1024]];
    const quantities = (at) => bundle.flatMap(([resource, quantity]) => Array.from({ length: last - first + 1 }, (_, s) => [`p${at}`, resource, first + s, quantity]));
    const worth = quantities(pool).reduce((sum, [, resource, , quantity]) => sum + quantity * RESOURCES.find(([r]) => r === resource)[1], 0);
    const bid = { id: `b${n}`, owner: `t${n % 97}`, side: 'bid', limit: (worth * Math.exp(0.1 + 0.5 * normal())).toFixed(6), alternatives: [{ quantities: quantities(pool) }] };
    if (!nodes && pools > 1 && next() < 0.2) bid.alternatives.push({ quantities: quantities((pool + 1 + whole(0, pools - 2)) % pools), adder: (worth * 0.01).toFixed(6) });
    else if (nodes && next() < 0.5) bid.node = nodeOf(pool);
    list.push(bid);
  }
  return { format: 'headroom.book/2', products, nodes: listed, orders: list };
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const folder = mkdtempSync(join(tmpdir(), 'headroom-performance-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));

function engine(path) {
  const run = spawnSync(arg.headroom, ['clear', '--book', path, '--out', join(folder, 'outcome.json'), '--time'], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`the engine failed: ${run.stderr}`);
  const of = (name) => Number(run.stderr.match(new RegExp(`${name} ([0-9.]+) s`))[1]);
  const { welfare, bound } = JSON.parse(readFileSync(join(folder, 'outcome.json'), 'utf8'));
  return { search: of('search'), solve: of('solve'), verify: of('verify'), gap: (Number(bound) - Number(welfare)) / Math.max(1, Math.abs(Number(bound))), bound: Number(bound) };
}
function peer(path) {
  const text = execFileSync('sh', ['-c', `${arg.peer} "$1"`, 'sh', path], { encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'ignore'] });
  return JSON.parse(text.slice(text.indexOf('{')));
}

const rows = [];
for (const name of chosen) {
  const tries = [];
  for (let seed = 1; seed <= Number(arg.seeds); seed += 1) {
    const path = join(folder, 'book.json');
    writeFileSync(path, JSON.stringify(book(CASES[name], seed)));
    const own = engine(path);
    const other = arg.peer ? peer(path) : null;
    // The peer's optimum is that of the continuous problem: no proven bound is under it, and a good one is close.
    if (other && !(own.bound > other.welfare * (1 - 1e-6) && own.bound < other.welfare * 1.02)) throw new Error(`${name}, seed ${seed}: the engine's bound ${own.bound} does not fit the peer's optimum ${other.welfare}`);
    tries.push({ ...own, peer: other?.solve_s, ratio: other ? other.solve_s / own.search : null });
    process.stderr.write(`${name} seed ${seed}: search ${own.search.toFixed(4)} s, all ${own.solve.toFixed(3)} s, peer ${other ? `${other.solve_s.toFixed(3)} s, ${(other.solve_s / own.search).toFixed(1)}×` : 'none'}\n`);
  }
  rows.push({ name, tries });
}

const of = (row, key) => median(row.tries.map((t) => t[key]));
const ratio = (row) => (arg.peer ? `${of(row, 'ratio').toFixed(1)} (${Math.min(...row.tries.map((t) => t.ratio)).toFixed(1)}–${Math.max(...row.tries.map((t) => t.ratio)).toFixed(1)})` : '–');
const table = rows.map((row) => `| ${CASES[row.name].what} | ${ratio(row)} | ${(of(row, 'solve') / of(row, 'search')).toFixed(1)} | ${(of(row, 'verify') / of(row, 'search')).toFixed(2)} | ${of(row, 'gap').toExponential(0)} |`);
mkdirSync(join(arg.out, 'images'), { recursive: true });
writeFileSync(join(arg.out, 'performance.md'), `# Performance of the clearing

\`scripts/performance.mjs\` makes this page: it clears the same books with \`headroom clear --time\` and with ${arg['peer-name']}, one after the other, ${arg.seeds} seeds a case. CPU seconds differ from machine to machine, so the page gives ratios. Repeat it with \`node scripts/performance.mjs --peer '…' --seeds ${arg.seeds} --cases ${chosen.join(',')}\`; the script's head says what a peer prints.

![CPU seconds of the search against the number of orders](images/performance.svg)

| book | peer ÷ search, median (least–most) | whole clearing ÷ search | check ÷ search | gap of the bound |
|---|---|---|---|---|
${table.join('\n')}

- *Search* finds prices and fills of the continuous problem, which is what the peer solves (\`--relax\`).
- *Whole clearing* adds whole lots, blocks, price choice and repair, each with an exact check. The peer does none of that: where the third column is above the second, a round takes longer than the peer's relaxation.
- The *gap* is what the printed welfare misses of its proven bound, as a part of it.
`);

const points = rows.filter((row) => LINE.includes(row.name));
if (points.length > 1) {
  const [width, height, pad] = [560, 320, 50];
  const x = (orders) => pad + ((Math.log10(orders) - 3) / 3) * (width - 2 * pad);
  const y = (seconds) => height - pad - ((Math.log10(seconds) + 4) / 6) * (height - 2 * pad);
  const line = (key, colour, label) => {
    const at = points.filter((row) => of(row, key) > 0).map((row) => [x(CASES[row.name].orders), y(of(row, key))]);
    if (at.length === 0) return '';
    return `<polyline fill="none" stroke="${colour}" stroke-width="2" points="${at.map((p) => p.map((n) => n.toFixed(1)).join(',')).join(' ')}"/>${at.map(([a, b]) => `<circle cx="${a.toFixed(1)}" cy="${b.toFixed(1)}" r="3.5" fill="${colour}"/>`).join('')}<text x="${(at.at(-1)[0] + 6).toFixed(1)}" y="${(at.at(-1)[1] + 4).toFixed(1)}" fill="${colour}">${label}</text>`;
  };
  const ticks = [3, 4, 5, 6].map((e) => `<text x="${x(10 ** e)}" y="${height - pad + 18}" text-anchor="middle">10${'³⁴⁵⁶'[e - 3]}</text>`).join('') + [-4, -3, -2, -1, 0, 1, 2].map((e) => `<line x1="${pad}" x2="${width - pad}" y1="${y(10 ** e)}" y2="${y(10 ** e)}" stroke="#d0d4da"/><text x="${pad - 6}" y="${y(10 ** e) + 4}" text-anchor="end">${10 ** e} s</text>`).join('');
  writeFileSync(join(arg.out, 'images', 'performance.svg'), `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width + 60} ${height}" font-family="sans-serif" font-size="12" role="img" aria-label="CPU seconds against orders"><rect width="100%" height="100%" fill="#fff"/>${ticks}<text x="${width / 2}" y="${height - 8}" text-anchor="middle">orders</text>${line('search', '#1f6f6b', 'Headroom')}${line('peer', '#a0522d', arg['peer-name'])}</svg>\n`);
}
