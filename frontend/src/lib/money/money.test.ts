import { describe, expect, it } from 'vitest';
import { asMicro, cost, decimal, formatBundle, formatExact, formatMoney, formatterFor, formatPercent, formatPrice, formatQuantity, ledgerParts, micro, nano, nearestMicro, priceParts, roughCount, unitPrice } from '.';

describe('decimals', () => {
  it('reads and writes without losing a digit', () => {
    for (const text of ['0.000000', '624.000000', '-8.810000', '9223372036854.775807']) expect(decimal(micro(text), 6)).toBe(text);
    expect(decimal(nano('0.001248000'), 9)).toBe('0.001248000');
  });
  it('refuses what is not an amount', () => {
    for (const text of ['', 'abc', '1e3', '1.0000001', '--1', '1.2.3', '1,5', '1,020.50', '\u22128.81', ' 1']) expect(() => micro(text), text).toThrow(RangeError);
    expect(micro('1.0000000')).toBe(1_000_000n);
  });
  it('rounds exact fractions to what people read', () => {
    expect(nearestMicro('184226.408117')).toBe(184_226_408_117n);
    expect(nearestMicro('0.0000005')).toBe(1n);
    expect(nearestMicro('-2/3')).toBe(-666_667n);
  });
  it('sums exactly where floats do not', () => {
    const sum = Array.from({ length: 10 }, () => micro('0.1')).reduce((a, b) => asMicro(a + b), asMicro(0n));
    expect(decimal(sum, 6)).toBe('1.000000');
  });
});

describe('display', () => {
  it('shows the mock-ups’ numbers', () => {
    expect(priceParts(unitPrice('cpu_milli', '0.001248000'))).toEqual({ head: '1.24', tail: '80' });
    expect(ledgerParts(micro('33975.635910'))).toEqual({ head: '33,975.63', tail: '5910' });
    expect(formatMoney(micro('-8.81'))).toBe('\u22128.81');
    expect(formatExact(micro('0'))).toBe('0.000000');
    expect(formatPercent(0.87)).toBe('87\u2009%');
    expect(formatQuantity('cpu_milli', 64_000)).toBe('64 cores');
    expect(formatQuantity('cpu_milli', 1000)).toBe('1 core');
    expect(formatBundle({ mem_mib: 262_144, cpu_milli: 64_000 })).toBe('64 cores + 256 GiB');
  });
  it('rounds half away from zero, both ways', () => {
    expect(formatMoney(micro('1.005'))).toBe('1.01');
    expect(formatMoney(micro('-1.005'))).toBe('\u22121.01');
    expect(formatPrice(nano('1.00005'))).toBe('1.0001');
  });
  it('does not show a small amount as nothing', () => {
    expect(formatMoney(micro('0.0301'))).toBe('0.0301');
    expect(formatMoney(micro('0.000001'))).toBe('0.000001');
    expect(formatMoney(micro('-0.00005'))).toBe('\u22120.000050');
    expect([0, 0.0042, 0.06, 1.234, 123.4].map(roughCount)).toEqual(['0', '0.0042', '0.06', '1.23', '123']);
    expect(formatMoney(micro('0'))).toBe('0.00');
  });
  it('prices a need: 64 cores, 6 slots in fra1-gp', () => {
    expect(formatMoney(cost(nano('0.001248000'), 64_000, 6))).toBe('479.23');
  });

  it('writes amounts side by side so that different ones look different', () => {
    const write = (texts: string[]) => { const values = texts.map(micro); return values.map(formatterFor(values)); };
    expect(write(['0.0254', '0.09'])).toEqual(['0.0254', '0.0900']);
    expect(write(['0.02549', '0.025491'])).toEqual(['0.025490', '0.025491']);
    expect(write(['0.02549', '0.02549'])).toEqual(['0.0255', '0.0255']);
  });
});
