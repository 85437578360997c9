import { expect, it } from 'vitest';
import { csv, csvCell } from './csv';

it('quotes, keeps numbers as numbers and disarms formulas', () => {
  expect(csvCell('a,b')).toBe('"a,b"');
  expect(csvCell('say "x"')).toBe('"say ""x"""');
  expect(csvCell('\u22128.81')).toBe('-8.81');
  expect(csvCell('1,020.00')).toBe('1020.00');
  expect(csvCell('=1+1')).toBe("'=1+1");
  expect(csvCell('@cmd')).toBe("'@cmd");
  for (const text of ['+1', '-1+1', '-cmd', '\u2212cmd', '\t=1', ' =1', '＝1', '＋1', '－cmd', '＠cmd']) expect(csvCell(text)).toMatch(/^'/);
  expect(csvCell('\r\n=1,2')).toBe('"\'\r\n=1,2"');
  for (const text of ['a=b', '-1', '-0.000001', '2026-11-20T10:00:00Z']) expect(csvCell(text)).toBe(text);
  expect(csv(['=a'], [['@b']])).toBe("'=a\r\n'@b\r\n");
  expect(csv(['a'], [[null], [0]])).toBe('a\r\n\r\n0\r\n');
});
