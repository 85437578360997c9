// Fails if the JavaScript of the first page view, or one lazy chunk, is over its budget (kB, gzip).
import { readFileSync, readdirSync } from 'node:fs';
import { gzipSync } from 'node:zlib';

const INITIAL = 150;
const CHUNK = 90;
const dist = new URL('../dist/', import.meta.url);
const html = readFileSync(new URL('index.html', dist), 'utf8');
const kb = (file) => gzipSync(readFileSync(new URL(file, dist)), { level: 9 }).length / 1000;

const first = new Set([...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((m) => m[1]));
const all = readdirSync(new URL('assets/', dist)).filter((f) => f.endsWith('.js')).map((f) => `assets/${f}`);
const rows = all.map((file) => ({ file, kb: kb(file), initial: first.has(file) })).sort((a, b) => b.kb - a.kb);
const initial = rows.filter((r) => r.initial).reduce((sum, r) => sum + r.kb, 0);
const heavy = rows.filter((r) => !r.initial && r.kb > CHUNK);

for (const r of rows.slice(0, 12)) console.log(`${r.kb.toFixed(1).padStart(7)} kB  ${r.initial ? 'initial' : 'lazy   '}  ${r.file}`);
console.log(`initial ${initial.toFixed(1)} of ${INITIAL} kB, ${rows.length} chunks`);
if (initial > INITIAL || heavy.length > 0) {
  console.error(`over budget: initial ${initial.toFixed(1)} kB, chunks ${heavy.map((r) => r.file).join(', ') || 'none'}`);
  process.exit(1);
}
