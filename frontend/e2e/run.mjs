// Walks every page as every demo role in both themes: axe finds nothing, no request leaves the
// origin, nothing throws; screenshots go to --out. A bidder places, sees and cancels a bid and has a
// project pay for another;
// an admin tries a reserve price on past rounds, makes a participant, and halts a pool; a tenant makes an API key, uses and revokes it.
//   node e2e/run.mjs --url http://127.0.0.1:8080 --access data/demo-access.json --out e2e/out [--roles bidder,admin] [--no-bid]
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { axe, launch, watch } from './browser.mjs';
import { walkBid } from './bid.mjs';
import { walkApproval } from './approval.mjs';
import { walkAway } from './away.mjs';
import { walkDecision, walkDispute } from './dispute.mjs';
import { walkDraw } from './draw.mjs';
import { walkKey } from './key.mjs';
import { walkMember } from './member.mjs';
import { walkRecallable } from './recallable.mjs';
import { walkProject } from './project.mjs';
import { readRoutes } from './routes.mjs';
import { walkReserve } from './reserve.mjs';

const { values: arg } = parseArgs({ options: {
  url: { type: 'string', default: 'http://127.0.0.1:8080' }, access: { type: 'string' }, out: { type: 'string', default: 'e2e/out' },
  roles: { type: 'string' }, themes: { type: 'string', default: 'light,dark' }, 'no-bid': { type: 'boolean', default: false },
} });
if (!arg.access) throw new Error('--access demo-access.json is required');
const origin = new URL(arg.url).origin;
const access = JSON.parse(readFileSync(arg.access, 'utf8'));
const users = [...new Map(access.users.map((u) => [u.role, u])).values()].filter((u) => !arg.roles || arg.roles.split(',').includes(u.role));
const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
mkdirSync(arg.out, { recursive: true });

const report = { pages: 0, violations: [], faults: [] };
const note = (where, violations, faults) => {
  report.pages += 1;
  for (const v of violations) report.violations.push({ where, ...v });
  for (const f of faults.splice(0)) report.faults.push({ where, fault: f });
};

async function settle(page) {
  await page.waitForSelector('h1', { timeout: 15_000 });
  await page.waitForFunction(() => !document.querySelector('[role=status][aria-label=Loading]') && !document.querySelector('.sk'), null, { timeout: 10_000 }).catch(() => {});
  await page.waitForTimeout(400);
}

async function signIn(page, user) {
  await page.goto(`${origin}/login`);
  await page.getByLabel('E-mail').fill(user.email);
  await page.getByLabel('Password').fill(user.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.waitForURL((u) => !u.pathname.startsWith('/login'), { timeout: 15_000 });
}

/** Parameters of detail pages come from the first link that an overview shows. */
async function addressOf(page, path) {
  if (!path.includes('$')) return path;
  const base = path.slice(0, path.indexOf('/$'));
  if (base === '/pools') {
    await page.goto(`${origin}/`);
    await settle(page);
  } else {
    await page.goto(`${origin}${base}`);
    await settle(page);
  }
  return page.evaluate((b) => [...document.querySelectorAll(`main a[href^="${b}/"]`)].map((a) => a.getAttribute('href').split('?')[0])[0] ?? null, base);
}

for (const user of users) {
  const browser = await launch();
  const page = browser.pages()[0] ?? (await browser.newPage());
  const faults = watch(page, origin);
  for (const theme of arg.themes.split(',')) {
    const shot = (name) => page.screenshot({ path: join(arg.out, `${user.role}-${name}-${theme}.png`) });
    await page.addInitScript((t) => localStorage.setItem('headroom.theme', t), theme);
    await page.goto(`${origin}/login`);
    await settle(page);
    note(`${user.role} /login ${theme}`, await axe(page, axeSource), faults);
    await shot('login');
    await signIn(page, user);
    for (const route of readRoutes()) {
      const address = await addressOf(page, route.path);
      if (address === null) { console.log(`${user.role} ${route.path}: nothing to open yet`); continue; }
      await page.goto(`${origin}${address}`);
      await settle(page).catch((e) => faults.push(`never settled: ${e.message.split('\n')[0]}`));
      note(`${user.role} ${address} ${theme}`, await axe(page, axeSource), faults);
      await shot(route.path === '/' ? 'market' : route.path.slice(1).replaceAll(/[/$]+/g, '-'));
    }
    for (const [key, name] of [['?', 'help'], ['/', 'palette']]) {
      await page.keyboard.press(key);
      await page.waitForSelector('[role=dialog]');
      await page.waitForTimeout(250);
      note(`${user.role} ${name} ${theme}`, await axe(page, axeSource), faults);
      await shot(name);
      await page.keyboard.press('Escape');
      await page.waitForSelector('[role=dialog]', { state: 'detached' });
    }
    if (user.role === 'admin') {
      const look = async (name) => { note(`admin ${name} ${theme}`, await axe(page, axeSource), faults); await page.screenshot({ path: join(arg.out, `admin-${name}-${theme}.png`), fullPage: true }); };
      const walk = await walkReserve(page, origin, look).catch((e) => ({ ok: false, fault: String(e.message).split('\n')[0] }));
      if (report.reserve?.ok !== false) report.reserve = walk;
      note(`reserve walk ${theme}`, [], faults);
      const approval = await walkApproval(page, origin, look).catch((e) => ({ ok: false, fault: String(e.message).split('\n')[0] }));
      if (report.approval?.ok !== false) report.approval = approval;
      note(`approval walk ${theme}`, [], faults);
      const member = await walkMember(page, origin, look).catch((e) => ({ ok: false, fault: String(e.message).split('\n')[0] }));
      if (report.member?.ok !== false) report.member = member;
      note(`member walk ${theme}`, [], faults);
    }
    if (user.role === 'tenant') {
      const look = async (name) => { note(`tenant ${name} ${theme}`, await axe(page, axeSource), faults); await page.screenshot({ path: join(arg.out, `tenant-${name}-${theme}.png`), fullPage: true }); };
      const key = await walkKey(page, origin, look).catch((e) => ({ ok: false, fault: String(e.message).split('\n')[0] }));
      if (report.key?.ok !== false) report.key = key;
      note(`key walk ${theme}`, [], faults);
    }
  }
  if (user.role === 'bidder' && !arg['no-bid']) {
    const shot = (name) => page.screenshot({ path: join(arg.out, `walk-${name}.png`) });
    const look = async (name) => { note(`bidder ${name}`, await axe(page, axeSource), faults); await page.screenshot({ path: join(arg.out, `walk-${name}.png`) }); };
    const buyer = access.users.find((u) => u.role === 'tenant');
    report.recallable = await walkRecallable(page, origin, look, { lender: user, buyer }).catch(async (e) => { await shot('recallable-failed'); await page.goto(`${origin}/pools/fra1-gp`).catch(() => undefined); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    note('recallable walk', [], faults);
    report.bid = await walkBid(page, origin, shot).catch(async (e) => { await shot('failed'); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    note('bid walk', [], faults);
    report.project = await walkProject(page, origin, look).catch(async (e) => { await shot('project-failed'); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    note('project walk', [], faults);
    report.away = await walkAway(page, origin, look).catch(async (e) => { await shot('away-failed'); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    note('away walk', [], faults);
    report.draw = await walkDraw(page, origin, look).catch(async (e) => { await shot('draw-failed'); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    note('draw walk', [], faults);
    report.dispute = await walkDispute(page, origin, look).catch(async (e) => { await shot('dispute-failed'); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    note('dispute walk', [], faults);
  }
  // What the bidder has disputed before.
  if (user.role === 'finance' && report.dispute?.ok) {
    const look = async (name) => { note(`finance ${name}`, await axe(page, axeSource), faults); await page.screenshot({ path: join(arg.out, `walk-${name}.png`) }); };
    const decision = await walkDecision(page, origin, look, report.dispute.dispute).catch(async (e) => { await page.screenshot({ path: join(arg.out, 'walk-decision-failed.png') }); return { ok: false, fault: String(e.message).split('\n')[0] }; });
    report.dispute = { ...decision, opened: report.dispute };
    note('decision walk', [], faults);
  }
  await browser.close();
}

writeFileSync(join(arg.out, 'report.json'), JSON.stringify(report, null, 2));
for (const v of report.violations) console.error(`axe ${v.impact} ${v.id} on ${v.where}\n  ${v.nodes.slice(0, 3).join('\n  ')}`);
for (const f of report.faults) console.error(`fault on ${f.where}: ${f.fault}`);
console.log(JSON.stringify({ pages: report.pages, violations: report.violations.length, faults: report.faults.length, bid: report.bid ?? null, project: report.project ?? null, away: report.away ?? null, recallable: report.recallable ?? null, draw: report.draw ?? null, dispute: report.dispute ?? null, reserve: report.reserve ?? null, approval: report.approval ?? null, member: report.member ?? null, key: report.key ?? null }));
process.exit(report.violations.length + report.faults.length > 0 || report.bid?.ok === false || report.project?.ok === false || report.away?.ok === false || report.recallable?.ok === false || report.draw?.ok === false || report.dispute?.ok === false || report.reserve?.ok === false || report.approval?.ok === false || report.member?.ok === false || report.key?.ok === false ? 1 : 0);
