import { cleanup, render, screen, within } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { Interruptions } from './Interruptions';

afterEach(cleanup);

it('says which price was beyond which band, and what becomes of the orders', () => {
  const { container } = render(<Interruptions of={[{ pool: 'vie1-hp', resource: 'cpu_milli', slot: '2026-11-25T10:05:00Z', price: '0.007200000', band: '0.005652000' }]} />);
  const row = screen.getAllByRole('row')[1] as HTMLElement;
  expect(within(row).getAllByRole('cell').map((c) => c.textContent)).toEqual(['vie1-hp', 'CPU, cores', '10:05', '7.2000', '5.6520']);
  expect(container.textContent).toMatch(/awarded nothing of it.*the next round decides without the band/);
});
it('is not there where nothing was interrupted', () => {
  expect(render(<Interruptions of={[]} />).container.textContent).toBe('');
});
