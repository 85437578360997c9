// What finance reads in the columns of all participants is what is in them.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { summary } from '@/mocks/finance';
import { asRole } from '@/mocks/setup';
import { Platform } from './Platform';

afterEach(cleanup);

it('what is in escrow for slots to come is not called paid for deliveries, and the column says that it is in it', () => {
  asRole.role = 'finance';
  render(<QueryClientProvider client={new QueryClient()}><Platform summary={summary} open={() => {}} /></QueryClientProvider>);
  const heads = [...screen.getByRole('table', { name: 'Paid and earned' }).querySelectorAll('th')].map((h) => h.textContent);
  expect(heads).toContain('Charged, less credit notes, cr');
  expect(document.body.textContent).not.toContain('Paid for deliveries');
  expect(screen.getByRole('button', { name: 'What Charged, less credit notes, cr means' })).toBeTruthy();
});
