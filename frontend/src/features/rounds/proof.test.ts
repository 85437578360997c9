import { describe, expect, it } from 'vitest';
import type { Certificate } from '@/lib/api';
import { round } from '@/mocks/rounds';
import { gapText, nodesAreFull, openSentence, openText, proofOf, rulesOf } from './proof';

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
  it('writes small and large parts so that they can be read', () => {
    const text = (gap: string) => gapText(proofOf(certificate({ gap })));
    const written = ['0', '0.00000001', '0.00002', '0.0031', '0.05', '0.1', '0.5', '0.119870060', '1'].map(text);
    expect(written.map((t) => t.replace('\u2009%', ''))).toEqual(['0', '< 0.0001', '0.002', '0.31', '5', '10', '50', '12', '100']);
  });
  it('says what stood in the way', () => {
    const half = { quality: 'fallback', gap: '0.5', bound: '200' } as const;
    expect(openSentence(certificate(half))).toBe('Up to 50\u2009% (100.00 cr) more welfare is not ruled out.');
    expect(openSentence(certificate({ ...half, limited_by: 'SOLVER_FALLBACK' }))).toMatch(/not ruled out\. The search/);
    expect(openSentence(certificate({ ...half, limited_by: 'NO_HOST_FITS' }))).toMatch(/nodes are full: up to 50/);
    expect([nodesAreFull(certificate(half)), nodesAreFull(certificate({ limited_by: 'NO_HOST_FITS' }))]).toEqual([false, true]);
  });
  it('lists the rules that the round has something of', () => {
    const r = round(1);
    const one = r.prices.filter((p) => p.set_by.startsWith('bid'));
    expect(rulesOf({ ...r, prices: one }).join()).not.toMatch(/moving costs|thrash/);
    expect(rulesOf(r).join()).toMatch(/moving costs/);
    expect(rulesOf({ ...r, prices: [], awards: 0 }).join()).not.toMatch(/reserve|award costs/);
  });
});
