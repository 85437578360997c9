// The order ticket, as the walks that bid use it.
import { answerTo } from './browser.mjs';

/** Places the bid that the ticket holds and gives the order; where none is placed, what the ticket said then. */
export async function placeBy(page, ticket, button = /Place bid/) {
  const sent = [];
  const note = (r) => { if (r.method() === 'POST') sent.push(new URL(r.url()).pathname); };
  const place = ticket.getByRole('button', { name: button });
  page.on('request', note);
  try {
    await place.click({ trial: true, timeout: 10_000 });
    // By key: what comes and goes above the button can't move it away from a pointer.
    return await answerTo(page, 'POST', '/v1/bids', () => place.press('Enter'));
  } catch (e) {
    const said = await ticket.innerText({ timeout: 1000 }).catch(() => 'nothing, it is gone');
    throw new Error(`${String(e.message).split('\n')[0]} Sent meanwhile: ${sent.join(', ') || 'nothing'}. The ticket says: ${said.replaceAll(/\s+/g, ' ')}`, { cause: e });
  } finally {
    page.off('request', note);
  }
}
