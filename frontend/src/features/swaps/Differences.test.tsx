import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Swap } from '@/lib/api';
import { swaps } from '@/mocks/swaps';
import { Differences } from './Differences';

afterEach(cleanup);
const counts = (positions_compared: number, difference_count: number) =>
  render(<Differences swap={{ ...(swaps[1] as Swap), positions_compared, difference_count }} />).container.querySelector('dl')?.textContent;

it('counts one as one', () => {
  expect(counts(1, 1)).toBe('1input compared1difference');
  expect(counts(2, 0)).toBe('2inputs compared0differences');
});
it('a value stands under its head', () => {
  const { container } = render(<Differences swap={swaps[1] as Swap} />);
  const side = (cell: Element | undefined) => cell?.classList.contains('r');
  const [heads, cells] = ['thead th', 'tbody tr:first-child td'].map((cell) => [...container.querySelectorAll(cell)]);
  expect(cells?.length).toBeGreaterThan(3);
  expect(heads?.map(side)).toEqual(cells?.map(side));
});
