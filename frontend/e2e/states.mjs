// The states that a walk through a healthy server never meets: error, loading, empty, stale, narrow
// screens, table views and dialogs. Answers are replaced on the way, so any server will do.
//   node e2e/states.mjs --url URL --access demo-access.json --out DIR
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { axe, cutLabels, launch, overflow, reasonsOf, watch, wayToTicket } from './browser.mjs';
import { readRoutes } from './routes.mjs';

const { values: arg } = parseArgs({ options: { url: { type: 'string', default: 'http://127.0.0.1:8080' }, access: { type: 'string' }, out: { type: 'string', default: 'e2e/out' } } });
const origin = new URL(arg.url).origin;
const users = JSON.parse(readFileSync(arg.access, 'utf8')).users;
const user = users.find((u) => u.role === 'tenant');
const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(arg.out, { recursive: true });

const browser = await launch();
const page = browser.pages()[0] ?? (await browser.newPage());
const faults = watch(page, origin);
let bad = 0;
async function look(name) {
  await page.screenshot({ path: join(arg.out, `state-${name}.png`) });
  for (const v of await axe(page, source)) { bad += 1; console.error(`axe ${v.id} in ${name}\n  ${v.nodes.slice(0, 2).join('\n  ')}`); }
}
const open = async (path, wait = 900) => { await page.goto(`${origin}${path}`); await page.waitForTimeout(wait); };

async function signIn(who) {
  await open('/login');
  await page.getByLabel('E-mail').fill(who.email);
  await page.getByLabel('Password').fill(who.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((u) => !u.pathname.startsWith('/login'));
}

// Nothing sticks out on a phone, and nothing of its menu is cut, on any page: as admin, who sees the most, then as tenant.
await page.setViewportSize({ width: 390, height: 800 });
for (const who of [users.find((u) => u.role === 'admin'), user].filter(Boolean)) {
  await signIn(who);
  for (const { path } of readRoutes()) {
    let address = path;
    if (path.includes('$')) {
      const base = path.slice(0, path.indexOf('/$'));
      await open(base === '/pools' ? '/' : base, 1500);
      address = await page.evaluate((b) => document.querySelector(`main a[href^="${b}/"]`)?.getAttribute('href') ?? null, base);
    }
    if (address === null) continue;
    await open(address, 1500);
    const out = await overflow(page);
    if (out) { bad += 1; console.error(`${who.role} ${address} is wider than 390 px: ${out}`); }
    const cut = await cutLabels(page);
    if (cut.length > 0) { bad += 1; console.error(`${who.role} ${address}: the menu of a phone is cut: ${cut.slice(0, 3).join(', ')}`); }
  }
}

// The ticket is one key away on a phone too, and why an order has not won can be read at every width of a desk.
for (const width of [390, 768, 1440]) {
  await page.setViewportSize({ width, height: 800 });
  await open('/pools', 1500);
  const fault = await wayToTicket(page, width < 1024);
  if (fault) { bad += 1; console.error(`the way to the ticket at ${width} px: ${fault}`); }
  if (width === 390) continue;
  await open('/bids?show=all', 1500);
  const { rows, said, cut } = await reasonsOf(page);
  if (said < rows || cut.length > 0) { bad += 1; console.error(`orders at ${width} px: ${said} of ${rows} say why, cut: ${cut.slice(0, 3).join(', ')}`); }
}

for (const width of [1280, 900, 390]) {
  await page.setViewportSize({ width, height: 800 });
  for (const [name, path] of [['market', '/'], ['trade', '/pools'], ['orders', '/bids'], ['workloads', '/workloads']]) { await open(path, 1500); await look(`${name}-${width}`); }
}
await page.setViewportSize({ width: 1440, height: 900 });

await open('/pools', 1500);
for (const button of await page.getByRole('button', { name: / as a table$/ }).all()) await button.click();
await look('table-views');
await page.getByRole('button', { name: /, account$/ }).click();
await page.waitForTimeout(300);
await look('account');
await page.route('**/v1/instances?*', async (r) => {
  const list = await (await r.fetch()).json();
  await r.fulfill({ json: { ...list, data: list.data.map((i, n) => (n ? i : { ...i, state: 'failed', fault: { at: i.created_at, detail: 'The guest trapped at input 4,312: out of bounds memory access.' } })) } });
});
await open('/workloads', 1500);
await look('faulty');
await page.unroute('**/v1/instances?*');
await open('/rounds/99999999');
await look('no-such-round');
await open('/workloads');
await page.getByRole('button', { name: 'Register a workload' }).first().click();
await page.waitForTimeout(300);
await look('register');

const problem = { type: '/docs/errors/overloaded', title: 'Service Unavailable', status: 503, detail: 'Too many commands are waiting.', code: 'overloaded', errors: [], request_id: 'req_01KAB6Q0ZX3F4QW88HV2' };
await page.route('**/v1/swaps*', (r) => r.fulfill({ status: 503, contentType: 'application/problem+json', body: JSON.stringify(problem) }));
await open('/swaps', 5000);
await look('error');
await page.route('**/v1/rounds?limit=200', () => {});
await open('/rounds');
await look('loading');
for (const side of ['bids', 'offers']) await page.route(`**/v1/${side}?*`, (r) => r.fulfill({ json: { object: 'list', data: [], has_more: false } }));
await open('/bids');
await look('empty');
await page.route('**/v1/events*', (r) => r.abort());
await open('/', 8000);
await look('stale');

await browser.close();
faults.forEach((f) => console.error(f));
console.log(JSON.stringify({ violations: bad, faults: faults.length }));
process.exit(bad + faults.length > 0 ? 1 : 0);
