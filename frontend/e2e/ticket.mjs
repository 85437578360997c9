// The order ticket, as the walks that bid use it.
import { answerTo } from './browser.mjs';

/** Places the bid that the ticket holds and gives the order; where none is placed, what the ticket said then. */
export async function placeBy(page, ticket, button = /Place bid/) {
  try {
    return await answerTo(page, 'POST', '/v1/bids', () => ticket.getByRole('button', { name: button }).click());
  } catch (e) {
    const said = await ticket.innerText({ timeout: 1000 }).catch(() => 'nothing, it is gone');
    throw new Error(`${String(e.message).split('\n')[0]} The ticket says: ${said.replaceAll(/\s+/g, ' ')}`, { cause: e });
  }
}
