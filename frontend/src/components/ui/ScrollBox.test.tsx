import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { ScrollBox } from './ScrollBox';

afterEach(() => { cleanup(); delete (HTMLElement.prototype as { scrollWidth?: number }).scrollWidth; });
/** jsdom lays nothing out: how wide the content is has to be said. */
const wide = (width: number) => Object.defineProperty(HTMLElement.prototype, 'scrollWidth', { configurable: true, get: () => width });

it('says that columns are out of sight, until they are not', () => {
  wide(500);
  render(<ScrollBox label="Things: rows"><table /></ScrollBox>);
  expect(screen.getByText(/More columns to the right/)).toBeTruthy();
  const box = screen.getByRole('region', { name: 'Things: rows' });
  box.scrollLeft = 500;
  fireEvent.scroll(box);
  expect(screen.queryByText(/More columns/)).toBeNull();
});
it('says nothing where all is seen', () => {
  wide(0);
  render(<ScrollBox label="Things: rows"><table /></ScrollBox>);
  expect(screen.queryByText(/More columns/)).toBeNull();
});
