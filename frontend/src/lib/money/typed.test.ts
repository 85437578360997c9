import { describe, expect, it } from 'vitest';
import { formFault, readDecimal, readMicro, readQuantity, readWhole } from '.';

describe('what people type', () => {
  it('a plain decimal is read to the digit', () => {
    expect(readMicro('1.5')).toEqual({ value: 1_500_000n });
    expect(readMicro(' 104 ').value).toBe(104_000_000n);
    expect(readMicro('0.000001').value).toBe(1n);
    // On the way to 1.5 and to .5, and never anything else.
    expect(readMicro('1.').value).toBe(1_000_000n);
    expect(readMicro('.5').value).toBe(500_000n);
    expect(readDecimal('0.5000000000', 1).value).toBe(5n);
  });
  it('a comma is refused with the way to write it, and never skipped', () => {
    expect(readMicro('1,5')).toEqual({ value: null, fault: 'Write 1.5 with a point' });
    expect(readQuantity('cpu_milli', '1,5')).toEqual({ value: null, fault: 'Write 1.5 with a point' });
    expect(formFault('1,500')).toBe('Write 1500 or 1.500, without a comma');
    for (const text of ['1,000.50', '1.000,50', '1,000,000', '1 000', '1\u2009000', '1\u2019000', ',5', '1,']) expect(formFault(text), text).toBe('Only digits and one point, like 1.5');
  });
  it('signs, powers, letters and a second point are refused', () => {
    for (const text of ['-3', '\u22123', '+3']) expect(formFault(text), text).toContain('without a sign');
    for (const text of ['1e3', 'abc', '1.2.3', '0x10', '.', 'Infinity', '\u0663']) expect(readDecimal(text, 9), text).toEqual({ value: null, fault: 'Only digits and one point, like 1.5' });
  });
  it('an empty field is not a fault and not a number', () => expect([readMicro(''), readWhole(' '), readQuantity('mem_mib', '')].map((r) => [r.value, r.fault])).toEqual([[null, undefined], [null, undefined], [null, undefined]]));
  it('more digits than the amount has are refused', () => expect(readMicro('1.0000001').fault).toBe('At most 6 digits after the point'));
  it('digits finer than the unit are refused, and those that are whole parts are not', () => {
    expect(readQuantity('cpu_milli', '1.234').value).toBe(1234);
    expect(readQuantity('cpu_milli', '1.2340000').value).toBe(1234);
    for (const text of ['1.2345678', '1.2345', '0.0006', '1.00000000000001']) expect(readQuantity('cpu_milli', text), text).toEqual({ value: null, fault: 'At most 3 digits after the point' });
    expect(readQuantity('mem_mib', '1.2345678').fault).toBe('At most 3 digits after the point');
    expect([readQuantity('mem_mib', '0.0625').value, readQuantity('mem_mib', '0.0009765625').value]).toEqual([64, 1]);
    expect(readQuantity('storage_gib', '1.5')).toEqual({ value: null, fault: 'A whole number' });
  });
  it('a quantity goes to the nearest base unit, but something is never nothing', () => {
    expect(readQuantity('cpu_milli', '1.5').value).toBe(1500);
    expect(readQuantity('mem_mib', '0.78').value).toBe(799);
    expect(readQuantity('cpu_milli', '0').value).toBe(0);
    expect(readQuantity('cpu_milli', '0.0001').fault).toBe('0, or at least 0.001 cores');
    expect(readQuantity('cpu_milli', '99999999999999').fault).toBe('Too much');
  });
  it('whole numbers have no fraction', () => {
    expect(readWhole('6').value).toBe(6);
    expect(readWhole('1.5').fault).toBe('A whole number');
    expect(readWhole('1,5').fault).toBe('Write 1.5 with a point');
  });
});
