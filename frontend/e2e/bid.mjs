// A person places a bid: ticket, live preview, toast with undo, the order in the list, why, cancel.
export async function walkBid(page, origin, shot) {
  await page.goto(`${origin}/pools`);
  await page.waitForURL(/\/pools\/[^/]+$/);
  const ticket = page.getByRole('form', { name: 'Order ticket' });
  await ticket.getByLabel('CPU').fill('1');
  await ticket.getByLabel('Memory').fill('1');
  const button = ticket.getByRole('button', { name: /Place bid, hold/ });
  await button.waitFor({ timeout: 15_000 });
  await shot('1-ticket');
  const started = Date.now();
  await button.click();
  const toast = page.getByRole('status').getByText(/Bid placed/);
  const refused = ticket.getByRole('alert');
  await Promise.race([toast.waitFor({ timeout: 15_000 }), refused.waitFor({ timeout: 15_000 })]);
  if (await refused.isVisible()) { await shot('2-refused'); return { ok: false, refused: await refused.innerText() }; }
  const shownMs = Date.now() - started;
  await shot('2-placed');
  // By the application's own link: a reload would hide what the cache forgot to renew.
  await page.keyboard.press('g');
  await page.keyboard.press('o');
  await page.waitForURL(/\/bids/);
  await page.getByRole('table', { name: 'Orders' }).getByRole('row').nth(1).waitFor();
  await page.getByRole('table', { name: 'Orders' }).getByRole('row').nth(1).click();
  await page.waitForTimeout(600);
  await shot('3-order');
  const cancel = page.getByRole('button', { name: 'Cancel order' }).first();
  const open = await cancel.isVisible().catch(() => false);
  if (open) {
    await cancel.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
    await page.getByRole('status').getByText(/is cancelled|not cancelled/).first().waitFor({ timeout: 10_000 });
    await shot('4-cancelled');
  }
  return { ok: true, shownMs, cancelled: open };
}
