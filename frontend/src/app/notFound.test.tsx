// An address without a page is shown in the usual frame: whoever mistyped it goes on from there.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { asRole } from '@/mocks/setup';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
afterEach(() => { cleanup(); forget(); queryClient.clear(); });

function visit(path: string, role: string) {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  return router;
}

it.each(['/nowhere', '/rounds/7/nowhere', '/admin'])('%s has the navigation, one main part and a title', async (path) => {
  visit(path, 'bidder');
  expect(await screen.findByText('There is no page at this address.')).toBeTruthy();
  expect([document.querySelectorAll('main').length, document.title]).toEqual([1, 'Not found · Headroom']);
  fireEvent.click(within(screen.getByRole('navigation', { name: 'Main' })).getByRole('link', { name: 'Rounds' }));
  await waitFor(() => expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Rounds'));
});
it('who is not signed in signs in first', async () => {
  const router = visit('/nowhere', 'nobody');
  await waitFor(() => expect(router.state.location.href).toBe('/login?next=%2Fnowhere'));
});
