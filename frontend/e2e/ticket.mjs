// The order ticket, as every walk uses it.
import { answerTo } from './browser.mjs';

/** Places what the ticket holds and gives the order; where none is placed, what the ticket said then. */
export async function placeBy(page, ticket, path = '/v1/bids') {
  try {
    return await answerTo(page, 'POST', path, () => ticket.getByRole('button', { name: /Place (bid|offer)/ }).click());
  } catch (e) {
    const said = await ticket.innerText({ timeout: 1000 }).catch(() => 'nothing, it is gone');
    throw new Error(`${String(e.message).split('\n')[0]} The ticket says: ${said.replaceAll(/\s+/g, ' ')}`, { cause: e });
  }
}
