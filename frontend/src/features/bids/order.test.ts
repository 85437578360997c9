import { describe, expect, it } from 'vitest';
import { orders } from '@/mocks/orders';
import { reasonText, whyText } from './order';

describe('why an order did not win', () => {
  it('reads the other way round for an offer', () => {
    expect(reasonText('OUT_OF_MONEY')).toBe('limit under the price');
    expect(reasonText('out_of_money', 'offer')).toBe('asks for more than the price');
    expect(reasonText('BUDGET', 'offer')).toBe(reasonText('BUDGET'));
    expect(reasonText('parent_ended')).toBe('ended with its parent');
    expect(reasonText('PARENT_SAT_OUT')).toBe('its parent sat the round out');
    expect(reasonText('SOMETHING_NEW', 'offer')).toBe('something new');
  });
  it('in the list of orders too', () => {
    const bid = orders.find((o) => o.last_reason?.reason === 'OUT_OF_MONEY');
    if (!bid) throw new Error('no fixture');
    expect(whyText({ ...bid, side: 'offer' })).toBe('asks for more than the price');
  });
});
