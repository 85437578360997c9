import { expect, it } from 'vitest';
import { csv, csvCell } from './csv';

it('quotes, keeps numbers as numbers and disarms formulas', () => {
  expect(csvCell('a,b')).toBe('"a,b"');
  expect(csvCell('say "x"')).toBe('"say ""x"""');
  expect(csvCell('\u22128.81')).toBe('-8.81');
  expect(csvCell('1,020.00')).toBe('1020.00');
  expect(csvCell('=1+1')).toBe("'=1+1");
  expect(csvCell('@cmd')).toBe("'@cmd");
  expect(csv(['a'], [[null], [0]])).toBe('a\r\n\r\n0\r\n');
});
