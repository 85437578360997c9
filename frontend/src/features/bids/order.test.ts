import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { explain, orders } from '@/mocks/orders';
import { nextText, WITH_NEXT } from './next';
import { KNOWN, originText, partText, reasonText, whyText } from './order';
import { sentenceOf } from './why';

const beside = (path: string) => readFileSync(join(process.cwd(), '..', path), 'utf8');
/** The reasons as the types of the API have them; another test compares those with the API's description. */
const CODES = [...(/^ {8}Reason: (.*);$/m.exec(beside('frontend/src/api.gen.ts'))?.[1] ?? '').matchAll(/"([A-Z_]+)"/g)].map((m) => m[1] as string);

describe('why an order did not win', () => {
  it('reads the other way round for an offer', () => {
    expect(reasonText('OUT_OF_MONEY')).toBe('limit under the price');
    expect(reasonText('out_of_money', 'offer')).toBe('asks for more than the price');
    expect(reasonText('HALTED', 'offer')).toBe(reasonText('HALTED'));
    expect([reasonText('user'), reasonText('not_filled_in_its_round')]).toEqual(['cancelled by its owner', 'not filled in its one round']);
    expect(reasonText('SOMETHING_NEW', 'offer')).toBe('something new');
  });
  it('has words for every reason of the API, and says what to do next', () => {
    expect(CODES).toHaveLength(20);
    expect(CODES.filter((code) => !KNOWN.includes(code))).toEqual([]);
    expect([...WITH_NEXT].sort()).toEqual([...CODES].sort());
    for (const code of CODES) {
      for (const side of ['bid', 'offer'] as const) expect(nextText(code, side), `${side} ${code}`).toMatch(/^[A-Z].*\.$/);
      expect(reasonText(code), code).toMatch(/^[a-z]/);
    }
    expect(nextText('OUT_OF_MONEY', 'offer')).not.toBe(nextText('OUT_OF_MONEY'));
    expect(nextText('SOMETHING_NEW')).toBeNull();
  });
  it('finds the same reasons in the guide', () => {
    const guide = [...beside('docs/bidder.md').matchAll(/^\| `([A-Z_]+)` \|/gm)].map((m) => m[1] as string);
    expect(guide.filter((code) => !KNOWN.includes(code))).toEqual([]);
    expect(CODES.filter((code) => !guide.includes(code))).toEqual([]);
  });
  it('says by whom it was cancelled, and reads an unknown code as words', () => {
    const order = { ...(orders[0] as (typeof orders)[number]), status: 'canceled', closed_reason: 'user' };
    expect([whyText(order, true), whyText(order)]).toEqual(['cancelled by you', 'cancelled by its owner']);
    for (const code of ['limit_out_of_range', 'SOMETHING_NEW']) expect(reasonText(code)).toMatch(/^[a-z ]+$/);
  });
  it('in the list of orders too', () => {
    const bid = orders.find((o) => o.last_reason?.reason === 'OUT_OF_MONEY');
    if (!bid) throw new Error('no fixture');
    expect(whyText({ ...bid, side: 'offer' })).toBe('asks for more than the price');
  });
});

it('says how much was won so that all is only what is all, and something never nothing', () => {
  expect([[1, 1], [0.135, 0.138], [0.9999, 1], [0.001, 1], [0.29, 1], [0, 1]].map(([done, all]) => partText(done as number, all as number))).toEqual(['100\u2009%', '97\u2009%', '99\u2009%', '<1\u2009%', '29\u2009%', '0\u2009%']);
});

describe('where an order comes from', () => {
  it('is said where nobody has placed it by hand', () => {
    const said = ['manual', 'auto_bid', 'auto_offer', 'draw', 'of_a_later_version'].map((origin) => originText({ origin: origin as 'draw' }));
    expect(said).toEqual(['', 'automatic', 'automatic', 'taken at once', 'of a later version']);
  });
  it('what was taken at once has won in no round', () => {
    const filled = orders.find((o) => o.status === 'filled' && o.side === 'bid');
    if (!filled) throw new Error('no fixture');
    expect([whyText(filled), whyText({ ...filled, origin: 'draw' })]).toEqual(['won', '']);
    expect([sentenceOf(filled, explain(filled)), sentenceOf({ ...filled, origin: 'draw' }, explain(filled))]).toEqual(['It won all that it asked for.', expect.stringContaining('Taken at once')]);
  });
});
