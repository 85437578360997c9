// A bidder makes a project, names it in a bid, raises its limit, and deletes it once no bid names it.
// Axe looks at the empty page, the form and the table.
import { placeBy } from './ticket.mjs';

const NAME = `walk-${Date.now().toString(36)}`;

export async function walkProject(page, origin, look) {
  await page.goto(`${origin}/projects`);
  await page.getByRole('button', { name: 'New project' }).first().waitFor({ timeout: 15_000 });
  await look('projects-before');
  await page.getByRole('button', { name: 'New project' }).first().click();
  const form = page.getByRole('form', { name: 'Project' });
  await form.getByLabel('Name').fill('not a name');
  await form.getByLabel('Limit').fill('1,5');
  await look('projects-faults');
  const held = await form.getByRole('button', { name: 'Make project' }).isDisabled();
  await form.getByLabel('Name').fill(NAME);
  await form.getByLabel('Limit').fill('0.5');
  await form.getByRole('button', { name: 'Make project' }).click();
  const row = page.getByRole('table', { name: 'Projects' }).getByRole('row').filter({ hasText: NAME });
  await row.waitFor({ timeout: 15_000 });
  await page.goto(`${origin}/pools`);
  const ticket = page.getByRole('form', { name: 'Order ticket' });
  await ticket.getByRole('button', { name: /Place bid, hold/ }).waitFor({ timeout: 15_000 });
  await ticket.getByLabel('From').selectOption({ index: 4 });
  await ticket.getByLabel(/^Limit for/).fill('0.01');
  await ticket.getByLabel('Project').selectOption(NAME);
  await ticket.getByText('Left in its project').waitFor({ timeout: 15_000 });
  await look('projects-ticket');
  const bid = await placeBy(page, ticket);
  await page.keyboard.press('g');
  await page.keyboard.press('j');
  await page.waitForURL(/\/projects/);
  await row.getByText('0.0100', { exact: true }).first().waitFor({ timeout: 15_000 });
  await row.getByRole('button', { name: NAME }).click();
  const locked = await form.getByRole('button', { name: 'Delete…' }).isDisabled();
  await form.getByLabel('Limit').fill('2');
  await form.getByRole('button', { name: 'Set limit' }).click();
  await row.getByText('2.00', { exact: true }).first().waitFor({ timeout: 15_000 });
  await look('projects-committed');
  await page.evaluate(async (id) => {
    const token = document.cookie.split('; ').find((c) => c.startsWith('headroom_csrf='))?.split('=')[1] ?? '';
    await fetch(`/v1/bids/${id}`, { method: 'DELETE', headers: { 'X-CSRF-Token': token } });
  }, bid.id);
  // The stream tells the page that the bid is gone.
  await form.getByRole('button', { name: 'Delete…', disabled: false }).click({ timeout: 15_000 });
  await look('projects-delete');
  await page.getByRole('dialog').getByRole('button', { name: 'Delete project' }).click();
  await row.waitFor({ state: 'detached', timeout: 15_000 });
  return { ok: held && locked && bid.project === NAME, project: bid.project };
}
