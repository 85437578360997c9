// Chromium for the walks: a fresh profile that is removed at the end, no background traffic, and a
// list of every request.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';

/** How long an answer of the server may take. */
const ANSWER_MS = 15_000;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export async function launch({ width = 1440, height = 900 } = {}) {
  const profile = mkdtempSync(join(tmpdir(), 'headroom-e2e-'));
  const remove = () => { try { rmSync(profile, { recursive: true, force: true }); return true; } catch { return false; } };
  // A walk that stops half-way leaves nothing behind either.
  process.once('exit', remove);
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', headless: true, args: FLAGS,
    viewport: { width, height }, deviceScaleFactor: 1, reducedMotion: 'reduce', timezoneId: 'UTC', locale: 'en-GB',
  });
  const close = context.close.bind(context);
  context.close = async (...options) => {
    await close(...options);
    // The browser's last processes may still be writing.
    for (let i = 0; i < 50 && !remove(); i += 1) await new Promise((r) => setTimeout(r, 100));
  };
  return context;
}

/** Does `act` and gives what the server answers to the request that comes of it; a refusal is thrown with its reason. */
export async function answerTo(page, method, path, act) {
  const is = (r) => r.request().method() === method && new URL(r.url()).pathname.match(path)?.[0] === new URL(r.url()).pathname;
  const [answer] = await Promise.all([page.waitForResponse(is, { timeout: ANSWER_MS }), act()]);
  if (!answer.ok()) throw new Error(`${method} ${path} was answered with ${answer.status()}: ${(await answer.text()).slice(0, 300)}`);
  return answer.json();
}

/** Collects what a page may not do: leave the origin, log an error, throw. */
export function watch(page, origin) {
  const faults = [];
  page.on('request', (r) => { if (/^https?:/.test(r.url()) && new URL(r.url()).origin !== origin) faults.push(`left the origin: ${r.url()}`); });
  page.on('pageerror', (e) => faults.push(`threw: ${e.message}`));
  page.on('console', (m) => {
    // A refused request is a state that the page shows, not a fault of the page.
    if (m.type() === 'error' && !/Failed to load resource/.test(m.text())) faults.push(`console: ${m.text()}`);
  });
  return faults;
}

export async function axe(page, source) {
  await page.evaluate(source);
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  return result.violations.map((v) => ({ id: v.id, impact: v.impact, nodes: v.nodes.map((n) => `${n.target.join(' ')}: ${n.failureSummary?.split('\n').slice(1).join(' ')}`) }));
}

/** Whether the page can be scrolled sideways, and what sticks out. */
export const overflow = (page) => page.evaluate(() => {
  const most = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= most) return null;
  const out = [...document.querySelectorAll('main *, header *')].filter((e) => e.getBoundingClientRect().right > most + 1 && !e.closest('.scroll'));
  return `${document.documentElement.scrollWidth} > ${most}: ${out.slice(0, 3).map((e) => `${e.tagName.toLowerCase()}.${String(e.className?.baseVal ?? e.className).split(' ').slice(0, 3).join('.')}`).join(', ')}`;
});

/** Labels of the phone's "More" menu that are cut: it is opened, looked at, and closed again. */
export async function cutLabels(page) {
  const more = page.getByRole('button', { name: 'More', exact: true });
  if (await more.count() === 0) return ['there is no menu'];
  await more.click();
  const cut = await page.getByRole('list', { name: 'More pages' }).locator('.trunc').evaluateAll((labels) => labels.filter((e) => e.scrollWidth > e.clientWidth).map((e) => `${e.textContent}: ${e.scrollWidth} > ${e.clientWidth}`));
  await page.keyboard.press('Escape');
  return cut;
}

/** On a pool's page, for somebody who trades: what is wrong with the way to the ticket, which is the last thing of a narrow page and beside the others of a wide one. */
export async function wayToTicket(page, narrow) {
  const way = page.getByRole('link', { name: 'Bid or offer' });
  if (!narrow) return (await way.isVisible()) ? 'it is shown beside the ticket' : null;
  if (!(await way.isVisible())) return 'there is none';
  const seen = (at) => at.evaluate((e) => { const { top } = e.getBoundingClientRect(); return top >= -1 && top < innerHeight * 0.8; });
  if (!(await seen(way))) return 'it is not on the first screen';
  await way.focus();
  await page.keyboard.press('Enter');
  await page.waitForTimeout(300);
  return (await seen(page.getByRole('form', { name: 'Order ticket' }))) ? null : 'it does not lead there';
}

/** Of the orders that have not won: how many show why, and which of these words are cut. */
export const reasonsOf = (page) => page.getByRole('table', { name: 'Orders' }).evaluate((table) => {
  const rows = [...table.querySelectorAll('tbody tr')].filter((r) => /Not filled|Cancelled|Expired/.test(r.textContent));
  const said = rows.map((r) => [...r.querySelectorAll('td.wraps > span, td .wide-hide')].find((e) => e.offsetWidth > 0 && e.textContent));
  return { rows: rows.length, said: said.filter(Boolean).length, cut: said.filter((e) => e && e.closest('td').scrollWidth > e.closest('td').clientWidth).map((e) => e.textContent) };
});
