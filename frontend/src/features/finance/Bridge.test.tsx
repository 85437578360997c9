import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Statement } from '@/lib/api';
import { statement } from '@/mocks/finance';
import { Bridge } from './Bridge';

afterEach(cleanup);
const line = (kind: string, amount: string) => ({ ...statement.lines[0], kind, amount }) as Statement['lines'][number];
const drawn = (opening: string, closing: string) => render(<Bridge statement={{ ...statement, opening, closing, lines: [line('charge', '-24.000000'), line('credit_note', '3.000000')] }} />).container;

it('bars that do not begin at 0 are broken and say so', () => {
  const container = drawn('20000.000000', '19979.000000');
  expect(container.querySelectorAll('.axis-break')).toHaveLength(2);
  expect(screen.getByText(/^The axis is broken: bars begin at 19,9\d\d\.\d\d cr, not at 0/)).toBeTruthy();
});
it('bars that begin at 0 are whole', () => {
  const container = drawn('60.000000', '39.000000');
  expect([container.querySelectorAll('.axis-break').length, screen.queryByText(/The axis is broken/)]).toEqual([0, null]);
});
