import { describe, expect, it } from 'vitest';
import type { Certificate, Gap } from '@/lib/api';
import { round } from '@/mocks/rounds';
import { causesOf, gapText, nodesAreFull, openSentence, openText, proofOf, rulesOf } from './proof';

const gap = (more: Partial<Gap> = {}): Gap => ({ total: '0.000000000', blocks: '0.000000000', hosts: '0.000000000', rounding: '0.000000000', ...more });
const certificate = (more: Partial<Certificate>): Certificate => ({ verified: true, quality: 'optimal', welfare: '100.000000000', bound: '100.000000000', gap: gap(), input_hash: 'a', result_hash: 'b', ...more });
/** So much is open of a bound of 200. */
const bounded = (parts: Partial<Gap>, open = 100) => certificate({ quality: 'bounded', welfare: `${200 - open}.000000000`, bound: '200.000000000', gap: gap({ total: `${open}.000000000`, ...parts }) });

describe('what is proven', () => {
  it('best needs the quality, and a bound that is welfare and gap; verified alone is not enough', () => {
    expect(proofOf(certificate({})).best).toBe(true);
    // What whole units and printed prices take is no better outcome.
    expect(proofOf(certificate({ bound: '100.000320000', gap: gap({ total: '0.000320000', rounding: '0.000320000' }) })).best).toBe(true);
    expect(proofOf(certificate({ quality: 'bounded' })).best).toBe(false);
    expect(proofOf(certificate({ quality: 'another' })).best).toBe(false);
    expect(proofOf(certificate({ bound: '100.500000000' })).best).toBe(false);
    expect(proofOf(certificate({ gap: gap({ total: '0.500000000' }) })).best).toBe(false);
    for (const unread of ['', 'x']) expect(proofOf(certificate({ gap: gap({ total: unread }) }))).toMatchObject({ checked: true, best: false, open: null });
    expect(proofOf(certificate({ verified: false }))).toMatchObject({ checked: false, best: false });
    expect(proofOf(null).checked).toBe(false);
  });
  it('says how much is open', () => {
    const p = proofOf(certificate({ quality: 'bounded', bound: '100.311000000', gap: gap({ total: '0.311000000' }) }));
    expect(gapText(p)).toBe('0.31\u2009%');
    expect(openText(p)).toBe('0.31\u2009% (0.31 cr)');
    expect(openText(proofOf(certificate({ gap: gap({ total: '' }) })))).toBe('an unknown part');
    // A round in which nothing was to be had has a bound of 0.
    expect(gapText(proofOf(certificate({ welfare: '0.000000000', bound: '0.000000000' })))).toBe('0\u2009%');
  });
  it('writes small and large parts so that they can be read', () => {
    const text = (total: string) => gapText(proofOf(certificate({ welfare: '0', bound: '100.000000000', gap: gap({ total }) })));
    const written = ['0', '0.000001', '0.002', '0.31', '5', '10', '50', '11.987006', '100'].map(text);
    expect(written.map((t) => t.replace('\u2009%', ''))).toEqual(['0', '< 0.0001', '0.002', '0.31', '5', '10', '50', '12', '100']);
  });
  it('says by cause what stood in the way, in credits', () => {
    expect(openSentence(bounded({}))).toBe('Up to 50\u2009% (100.00 cr) more welfare is not ruled out.');
    expect(openSentence(bounded({ blocks: '90.000000000', hosts: '9.500000000', rounding: '0.500000000' }))).toBe('Up to 50\u2009% (100.00 cr) more welfare is not ruled out: 90.00 cr for bids that take a minimum or nothing, or one of several alternatives; 9.50 cr for lots that no node has room for; 0.50 cr for whole units and printed prices.');
    expect(causesOf(bounded({ blocks: '90.000000000', hosts: '10.000000000' })).map((c) => [c.id, c.value])).toEqual([['blocks', '90.000000000'], ['hosts', '10.000000000'], ['rounding', '0.000000000']]);
    expect([nodesAreFull(bounded({})), nodesAreFull(bounded({ hosts: '100.000000000' })), nodesAreFull(bounded({ hosts: '60.000000000', blocks: '40.000000000' })), nodesAreFull(null)]).toEqual([false, true, false, false]);
  });
  it('lists the rules that the round has something of', () => {
    const r = round(1);
    expect(rulesOf(r).join()).toMatch(/premium is asked only on a node without room/);
    expect(rulesOf({ ...r, premiums: undefined }).join()).not.toMatch(/premium/);
    expect(rulesOf(r).join()).not.toMatch(/seed|cap\b/);
    expect(rulesOf({ ...r, prices: [], awards: 0 }).join()).not.toMatch(/reserve|award costs/);
  });
});
