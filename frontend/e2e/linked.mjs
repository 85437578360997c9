// A bidder places an all-or-none bid that can't win, another that takes a run of its window and wins only with
// the first, looks at both, and cancels the first: the second ends with it. Axe looks at ticket and order.
import { placeBy } from './ticket.mjs';

const csrf = 'headroom_csrf=';

async function place(ticket, page, fill) {
  await ticket.getByRole('button', { name: /Place bid, hold/ }).waitFor({ timeout: 15_000 });
  await ticket.getByLabel('From').selectOption({ index: 3 });
  await fill();
  await ticket.getByLabel(/^Limit for/).fill('0.01');
  return await placeBy(page, ticket, /Place bid, hold/);
}

export async function walkLinked(page, origin, look) {
  await page.goto(`${origin}/pools`);
  await page.waitForURL(/\/pools\/[^/]+$/);
  const ticket = page.getByRole('form', { name: 'Order ticket' });
  const parent = await place(ticket, page, () => ticket.getByRole('switch', { name: 'The whole amount or none of it' }).click());
  // The list of own bids has the parent from the stream, and the ticket offers it.
  await page.goto(`${origin}/pools`);
  const child = await place(ticket, page, async () => {
    await ticket.getByLabel('For', { exact: true }).fill('3');
    await ticket.getByLabel('At least').fill('2');
    await ticket.getByLabel('Only with').selectOption(parent.id);
    await look('linked-ticket');
  });
  await page.goto(`${origin}/bids?order=${child.id}`);
  const line = page.getByText(/Wins only together with/);
  await line.waitFor({ timeout: 15_000 });
  await page.getByText(/at least 2 slots in a row/i).first().waitFor({ timeout: 15_000 });
  await look('linked-child');
  await line.getByRole('link').click();
  await page.waitForURL(new RegExp(parent.id));
  const linked = child.parent === parent.id && child.min_run_slots === 2;
  await page.evaluate(async ([id, name]) => {
    const token = document.cookie.split('; ').find((c) => c.startsWith(name))?.split('=')[1] ?? '';
    await fetch(`/v1/bids/${id}`, { method: 'DELETE', headers: { 'X-CSRF-Token': token } });
  }, [parent.id, csrf]);
  await page.goto(`${origin}/bids?order=${child.id}`);
  await page.getByText(/ended without an award, and it ended with it/).first().waitFor({ timeout: 20_000 });
  await look('linked-ended');
  return { ok: linked, parent: parent.id, child: child.id };
}
