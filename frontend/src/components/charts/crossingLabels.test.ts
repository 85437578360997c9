// A word that lies on a line can't be read.
import { expect, it } from 'vitest';
import { type Box, type Level, levels, scales } from './crossing';
import { coveredBy, labels } from './crossingLabels';

const meet = (a: Box, b: Box) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
function place(bids: Level[], offers: Level[], price: number, quantity: number) {
  const [demand, supply] = [levels(bids, 'down'), levels(offers, 'up')];
  const s = scales({ demand, supply, price, quantity, width: 536, height: 256 });
  const at = labels(s, demand, supply, { x: s.x(quantity), y: s.y(price), text: `${price} × ${quantity} cores` });
  return { at, s, lines: [...coveredBy(demand, s), ...coveredBy(supply, s)] };
}
/** Many small bids, each a little under the one before, for a small part of what is offered. */
const steep = Array.from({ length: 30 }, (_, i) => ({ price: 2 - i * 0.05, quantity: 0.5 }));

it('the word of a steep curve stands behind its end, on none of the lines', () => {
  const { at, lines } = place(steep, [{ price: 0.4, quantity: 12 }, { price: 0.9, quantity: 100 }], 0.9, 14);
  for (const box of [at.bids, at.offers]) expect(lines.some((line) => meet(line, box as Box))).toBe(false);
});
it('nor on what leads to the point where the curves meet', () => {
  const { at, s } = place([{ price: 1.2, quantity: 40 }, { price: 0.9, quantity: 20 }], [{ price: 0.81, quantity: 40 }], 0.9, 40);
  const leads: Box[] = [{ x: s.left, y: s.y(0.9) - 2, width: s.x(40) - s.left, height: 4 }, { x: s.x(40) - 2, y: s.y(0.9), width: 4, height: s.bottom - s.y(0.9) }];
  for (const box of [at.price, at.bids, at.offers]) expect(leads.some((line) => meet(line, box as Box))).toBe(false);
});
it('without bids there is no word for them', () => {
  expect(place([], [{ price: 0.9, quantity: 100 }], 0.9, 0).at.bids).toBeUndefined();
});
