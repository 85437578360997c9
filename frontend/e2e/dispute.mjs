// A bidder disputes a receipt that has been settled, takes it back and disputes it anew; finance decides and pays a part.
// Axe looks at both dialogs and both panels.
import { answerTo } from './browser.mjs';

const REASON = 'Slower than what was bought';

export async function walkDispute(page, origin, look) {
  await page.goto(`${origin}/finance`);
  const table = page.getByRole('table', { name: 'Deliveries' });
  const button = table.getByRole('button', { name: 'Dispute…' }).first();
  // A slot is a minute, and is settled five seconds after it.
  await button.waitFor({ timeout: 180_000 });
  await look('dispute-deliveries');
  const open = async (claimed) => {
    await button.click();
    const form = page.getByRole('form', { name: 'Dispute' });
    const send = form.getByRole('button', { name: 'Dispute it' });
    const held = await send.isDisabled();
    await form.getByLabel(/^What is wrong/).fill(REASON);
    if (claimed) {
      await form.getByLabel('Claimed').fill('1000000');
      await form.getByText(/More than 0, and at most/).waitFor();
      await look('dispute-too-much');
      await form.getByLabel('Claimed').fill(claimed);
    }
    const dispute = await answerTo(page, 'POST', '/v1/disputes', () => send.click());
    await form.waitFor({ state: 'detached', timeout: 15_000 });
    return { dispute, held };
  };
  const { dispute: first, held } = await open();
  const disputes = page.getByRole('table', { name: 'Disputes' });
  await disputes.getByText(REASON).first().waitFor({ timeout: 15_000 });
  await disputes.getByRole('button', { name: 'Take back…' }).first().click();
  await look('dispute-take-back');
  await page.getByRole('dialog').getByRole('button', { name: 'Take it back' }).click();
  await disputes.getByText('withdrawn').first().waitFor({ timeout: 15_000 });
  const { dispute: second } = await open('0.000002');
  await disputes.getByText(/set aside/).first().waitFor({ timeout: 15_000 });
  await look('dispute-open');
  return { ok: held && first.state === 'open' && second.claimed === '0.000002', dispute: second.id };
}

export async function walkDecision(page, origin, look, id) {
  await page.goto(`${origin}/finance`);
  const disputes = page.getByRole('table', { name: 'Disputes' });
  await disputes.getByRole('button', { name: 'Decide…' }).first().click({ timeout: 15_000 });
  const form = page.getByRole('form', { name: 'Decision' });
  await form.getByLabel('Paid to the member').fill('0');
  const rejects = await form.getByRole('button', { name: 'Reject it' }).isDisabled();
  await form.getByLabel('Paid to the member').fill('0.000001');
  await form.getByLabel(/^Reason/).fill('Half of it is right');
  await look('dispute-decide');
  const decided = await answerTo(page, 'POST', /.*\/decide/, () => form.getByRole('button', { name: 'Pay the note' }).click());
  await disputes.getByText(/upheld in part/).first().waitFor({ timeout: 15_000 });
  await look('dispute-decided');
  return { ok: rejects && decided.state === 'upheld' && (!id || decided.id === id), dispute: decided.id };
}
