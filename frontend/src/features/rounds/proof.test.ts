import { describe, expect, it } from 'vitest';
import type { Certificate } from '@/lib/api';
import { round } from '@/mocks/rounds';
import { gapText, limitText, openText, proofOf, rulesOf } from './proof';

const certificate = (more: Partial<Certificate>): Certificate => ({ verified: true, quality: 'optimal', welfare: '100.000000', gap: '0', cuts: 0, input_hash: 'a', result_hash: 'b', ...more });

describe('what is proven', () => {
  it('best needs the quality, no gap and no room under the bound; verified alone is not enough', () => {
    expect(proofOf(certificate({})).best).toBe(true);
    expect(proofOf(certificate({ bound: '100.000001' })).best).toBe(true);
    expect(proofOf(certificate({ quality: 'fallback' })).best).toBe(false);
    expect(proofOf(certificate({ gap: '0.0031' })).best).toBe(false);
    expect(proofOf(certificate({ gap: '' })).best).toBe(false);
    expect(proofOf(certificate({ bound: '100.5' })).best).toBe(false);
    expect(proofOf(certificate({ verified: false })).best).toBe(false);
    expect(proofOf(null).checked).toBe(false);
  });
  it('says how much is open, also as a fraction', () => {
    const p = proofOf(certificate({ quality: 'fallback', gap: '31/10000', bound: '100.311' }));
    expect(gapText(p)).toBe('0.31\u2009%');
    expect(openText(p)).toBe('0.31\u2009% (0.31 cr)');
    expect(openText(proofOf(certificate({ bound: '100.5' })))).toBe('0.50 cr');
  });
  it('says what stood in the way', () => {
    expect(limitText(certificate({}))).toBeUndefined();
    expect(limitText(certificate({ limited_by: 'NO_HOST_FITS' }))).toMatch(/nodes/);
    expect(limitText(certificate({ limited_by: 'SOLVER_FALLBACK' }))).toMatch(/search/);
  });
  it('lists the rules that the round has something of', () => {
    const r = round(1);
    const one = r.prices.filter((p) => p.set_by.startsWith('bid'));
    expect(rulesOf({ ...r, prices: one }).join()).not.toMatch(/moving costs|thrash/);
    expect(rulesOf(r).join()).toMatch(/moving costs/);
    expect(rulesOf({ ...r, prices: [], awards: 0 }).join()).not.toMatch(/reserve|award costs/);
  });
});
