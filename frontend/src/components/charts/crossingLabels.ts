// Where the words in the picture of bids and offers stand: near what they name, and on none of its lines.
import { type Box, type Scales, settle, type Step } from './crossing';

/** Inter at 11 px, roughly. */
const room = (text: string) => text.length * 6.2 + 4;
const seen = (steps: Step[], s: Scales) => steps.filter((l) => l.from < s.maxQuantity);

/** What a curve covers, step by step: its flat part, and the way up or down to it. */
export function coveredBy(steps: Step[], s: Scales): Box[] {
  const flat = (l: Step): Box => ({ x: s.x(l.from), y: s.y(l.price) - 3, width: s.x(l.to) - s.x(l.from), height: 6 });
  const rise = (l: Step, i: number, all: Step[]): Box => { const from = s.y(all[i - 1]?.price ?? l.price); return { x: s.x(l.from) - 2, y: Math.min(from, s.y(l.price)), width: 4, height: Math.abs(from - s.y(l.price)) }; };
  const drawn = seen(steps, s);
  return [...drawn.map(flat), ...drawn.map(rise)];
}

const around = (x: number, y: number, width: number, h: number): Box[] => [
  { x: x + 10, y: y - h - 8, width, height: h }, { x: x + 10, y: y + 8, width, height: h }, { x: x - width - 10, y: y - h - 8, width, height: h }, { x: x - width - 10, y: y + 8, width, height: h },
  { x: x + 10, y: y - 2 * h - 12, width, height: h }, { x: x + 10, y: y + h + 14, width, height: h }, { x: x - width - 10, y: y - 2 * h - 12, width, height: h },
];

interface Point { x: number; y: number; text: string }
/** `point`: where the curves meet, if they do; what leads to it from the axes is a line, too. */
export function labels(s: Scales, demand: Step[], supply: Step[], point: Point | null) {
  const frame: Box = { x: s.left + 2, y: s.top, width: s.right - s.left - 4, height: s.bottom - s.top };
  const taken: Box[] = [...coveredBy(demand, s), ...coveredBy(supply, s)];
  if (point) taken.push({ x: s.left, y: point.y - 2, width: point.x - s.left, height: 4 }, { x: point.x - 2, y: point.y, width: 4, height: s.bottom - point.y });
  const price = point && settle(around(point.x, point.y, room(point.text) + 8, 18), taken, frame);
  if (point) taken.push({ x: point.x - 6, y: point.y - 6, width: 12, height: 12 });
  const first = demand.find((l) => l.mine);
  const mine = first && settle(around((s.x(first.from) + s.x(first.to)) / 2, s.y(first.price), room('▲ Yours'), 14), taken, frame);
  // By its end, before it or behind it; a steep one has room only behind its end, or further up.
  const end = (steps: Step[], text: string) => {
    const wishes = seen(steps, s).toReversed().flatMap((l) => {
      const x = s.x(Math.min(l.to, s.maxQuantity));
      return [...around(x - room(text) - 10, s.y(l.price), room(text), 14), ...around(x, s.y(l.price), room(text), 14)];
    });
    return wishes.length > 0 ? settle(wishes, taken, frame) : undefined;
  };
  return { price, mine, bids: end(demand, 'Bids'), offers: end(supply, 'Offers') };
}
