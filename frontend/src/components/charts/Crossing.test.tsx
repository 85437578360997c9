import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { Crossing } from './Crossing';

afterEach(cleanup);

it('a word has the panel’s colour behind it, so that it can be read where it has no place of its own', () => {
  render(<Crossing bids={[{ price: 1, quantity: 5 }]} offers={[{ price: 0.5, quantity: 9 }]} price={0.5} quantity={5} unit="cores" />);
  for (const word of ['Bids', 'Offers']) expect(screen.getByText(word).previousElementSibling?.getAttribute('fill')).toBe('var(--surface)');
});

it('says what lies beyond its edges', () => {
  const { rerender } = render(<Crossing bids={[{ price: 50, quantity: 1 }, { price: 1, quantity: 4 }]} offers={[{ price: 0.5, quantity: 90 }]} price={1} quantity={5} unit="cores" />);
  expect(screen.getByText(/^Not to scale/).textContent).toBe('Not to scale: prices above 2.2000, drawn along the upper edge; what is beyond 6.75 cores.');
  rerender(<Crossing bids={[{ price: 1, quantity: 5 }]} offers={[{ price: 0.5, quantity: 5 }]} price={0.5} quantity={5} unit="cores" />);
  expect(screen.queryByText(/^Not to scale/)).toBeNull();
});
