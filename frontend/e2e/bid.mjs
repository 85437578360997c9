// A person places a bid that can't win: ticket, live preview, toast with undo, the order in the list,
// why it waits, and its cancellation, which the server confirms. Every step must happen.
import { placeBy } from './ticket.mjs';

const HOPELESS = '0.01';
const TRIES = 3;

const status = (page, id) => page.evaluate(async (x) => (await (await fetch(`/v1/bids/${x}`, { credentials: 'same-origin' })).json()).status, id);
async function until(page, id, wanted) {
  for (let i = 0; i < 40; i += 1) {
    if (await status(page, id) === wanted) return true;
    await page.waitForTimeout(500);
  }
  return false;
}

async function place(page, origin, shot) {
  await page.goto(`${origin}/pools`);
  await page.waitForURL(/\/pools\/[^/]+$/);
  const ticket = page.getByRole('form', { name: 'Order ticket' });
  const button = ticket.getByRole('button', { name: /Place bid, hold/ });
  await button.waitFor({ timeout: 15_000 });
  // What the ticket opens with must not be hopeless, wherever the server knows a chance.
  await page.waitForTimeout(1000);
  const proposed = (await ticket.getByText('chance to fill', { exact: true }).locator('..').innerText().catch(() => 'no history')).replaceAll(/\s+/g, ' ');
  await shot('1-ticket');
  if (/^0\s*%/.test(proposed)) return { refused: `the ticket opens at ${proposed}` };
  await ticket.getByLabel('CPU').fill('1');
  await ticket.getByLabel('Memory').fill('1');
  await ticket.getByLabel('From').selectOption({ index: 4 });
  await ticket.getByLabel(/^Limit for/).fill(HOPELESS);
  await ticket.getByRole('button', { name: new RegExp(`hold ${HOPELESS}`) }).waitFor({ timeout: 15_000 });
  const toast = page.getByRole('status').getByText(/Bid placed/);
  const refused = ticket.getByRole('alert');
  const started = Date.now();
  const { id } = await placeBy(page, ticket);
  await Promise.race([toast.first().waitFor({ timeout: 15_000 }), refused.waitFor({ timeout: 15_000 })]);
  const shownMs = Date.now() - started;
  if (await refused.isVisible()) { await shot('2-refused'); return { refused: await refused.innerText() }; }
  await shot('2-placed');
  return { id, shownMs, proposed };
}

export async function walkBid(page, origin, shot) {
  let last = null;
  for (let attempt = 1; attempt <= TRIES; attempt += 1) {
    const placed = await place(page, origin, shot);
    if (placed.refused) return { ok: false, cancelled: false, refused: placed.refused };
    // By the application's own link: a reload would hide what the cache forgot to renew.
    await page.keyboard.press('g');
    await page.keyboard.press('o');
    await page.waitForURL(/\/bids/);
    // It may be filled by now, and is to be cancelled: what waits alone does not have it then.
    await page.getByRole('tab', { name: /^All/ }).click({ timeout: 15_000 });
    const row = page.getByRole('table', { name: 'Orders' }).getByRole('row').filter({ hasText: placed.id.slice(-6) });
    await row.waitFor({ timeout: 15_000 });
    await row.click();
    await page.waitForURL(new RegExp(placed.id));
    const cancel = page.getByRole('button', { name: 'Cancel order' }).first();
    const open = await cancel.waitFor({ timeout: 10_000 }).then(() => true, () => false);
    await shot('3-order');
    if (!open) { last = await status(page, placed.id); continue; }
    await cancel.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
    await page.getByRole('status').getByText(/is cancelled/).first().waitFor({ timeout: 10_000 });
    await shot('4-cancelled');
    const gone = await until(page, placed.id, 'canceled');
    const shown = gone && await row.getByText('Cancelled', { exact: true }).waitFor({ timeout: 10_000 }).then(() => true, () => false);
    return { ok: gone && shown, cancelled: gone, shownMs: placed.shownMs, proposed: placed.proposed, attempt };
  }
  return { ok: false, cancelled: false, refused: `no order stayed open in ${TRIES} attempts; the last was ${last}` };
}
