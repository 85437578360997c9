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

it('a kind says what came to members and what left them', () => {
  asRole.role = 'finance';
  const back = { ...summary, kinds: [{ kind: 'grant', count: 2, amount: '101.000000', to_participants: '100.000000', from_participants: '1.000000' }] };
  render(<QueryClientProvider client={new QueryClient()}><Platform summary={back} open={() => {}} /></QueryClientProvider>);
  const cells = [...(screen.getByRole('table', { name: 'Kinds' }).querySelector('tbody tr')?.querySelectorAll('td') ?? [])].map((c) => c.textContent);
  expect(cells.slice(0, 4)).toEqual(['grant', '2', '100.000000', '1.000000']);
});
