// Several tabs share one session: when its access token has expired they renew it once, on a slow
// line too, and none is signed out; signing out in one of them ends all.
//   node e2e/tabs.mjs --url URL --access demo-access.json
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { launch, watch } from './browser.mjs';

const { values: arg } = parseArgs({ options: { url: { type: 'string', default: 'http://127.0.0.1:8080' }, access: { type: 'string' } } });
const origin = new URL(arg.url).origin;
const user = JSON.parse(readFileSync(arg.access, 'utf8')).users.find((u) => u.role === 'tenant');
const browser = await launch();
const page = browser.pages()[0] ?? (await browser.newPage());
const watched = [watch(page, origin)];
const faults = [];
const check = (good, words) => { if (!good) faults.push(words); };

await page.goto(`${origin}/login`);
await page.getByLabel('E-mail').fill(user.email);
await page.getByLabel('Password').fill(user.password);
await page.getByRole('button', { name: 'Sign in' }).click();
await page.waitForURL((u) => !u.pathname.startsWith('/login'));
const tabs = [page];
for (const path of ['/finance', '/bids', '/workloads']) {
  const tab = await browser.newPage();
  watched.push(watch(tab, origin));
  await tab.goto(`${origin}${path}`);
  tabs.push(tab);
}

let renewals = [];
for (const tab of tabs) tab.on('response', (r) => { if (r.url().includes('/auth/refresh')) renewals.push(r.status()); });
await browser.route('**/auth/refresh*', async (r) => { await new Promise((done) => setTimeout(done, 500)); await r.continue(); });
const open = async (what) => {
  await Promise.all(tabs.map((tab) => tab.waitForSelector('h1', { timeout: 15_000 }).catch(() => {})));
  await page.waitForTimeout(1500);
  const lost = tabs.filter((tab) => new URL(tab.url()).pathname === '/login').length;
  check(lost === 0, `${what}: ${lost} of ${tabs.length} tabs are signed out, renewals ${renewals}`);
};
const seen = [];
for (let round = 1; round <= 3; round += 1) {
  renewals = [];
  await browser.clearCookies({ name: 'headroom_access' });
  await Promise.all(tabs.map((tab) => tab.reload()));
  await open(`round ${round}`);
  check(renewals.length === 1 && renewals[0] === 200, `round ${round}: renewals ${renewals}`);
  seen.push(renewals.length);
}
// A browser without locks: the server's grace has to do.
for (const tab of tabs) await tab.addInitScript(() => Object.defineProperty(Navigator.prototype, 'locks', { value: undefined }));
await Promise.all(tabs.map((tab) => tab.reload()));
renewals = [];
await browser.clearCookies({ name: 'headroom_access' });
await Promise.all(tabs.map((tab) => tab.reload()));
await open('without locks');
check(renewals.length > 1 && renewals.every((s) => s === 200), `without locks: renewals ${renewals}`);
seen.push(renewals.length);

if (faults.length === 0) {
  await page.getByRole('button', { name: /, account$/ }).click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await Promise.all(tabs.map((tab) => tab.waitForURL((u) => u.pathname === '/login', { timeout: 15_000 })
    .catch(() => faults.push(`${tab.url()} is still open after signing out in another tab`))));
}

await browser.close();
faults.push(...watched.flat());
faults.forEach((f) => console.error(f));
console.log(JSON.stringify({ tabs: tabs.length, renewals: seen, faults: faults.length }));
process.exit(faults.length > 0 ? 1 : 0);
