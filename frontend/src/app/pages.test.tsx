// Every page of the table renders with the mock's data, has one h1, and says so when it may not.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { asRole } from '@/mocks/setup';
import { roundNow } from '@/mocks/clock';
import { swaps } from '@/mocks/swaps';
import { queryClient } from './queryClient';
import { makeRouter } from './router';
import { ROUTES } from './routes';

// jsdom has no canvas; what a chart draws is looked at in the browser walk.
vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
afterEach(() => { cleanup(); queryClient.clear(); });

const address = (path: string) => path.replace('$slug', 'fra1-gp').replace('$number', String(roundNow())).replace('$id', swaps[1]?.id ?? '');

async function visit(path: string, role: string) {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [address(path)] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1), { timeout: 4000 });
}

for (const route of ROUTES) {
  const role = route.scope === 'pricing:write' ? 'admin' : 'bidder';
  it(`${route.path} as ${role}`, async () => {
    await visit(route.path, role);
    await waitFor(() => expect(document.querySelector('[role=status][aria-label=Loading]')).toBeNull(), { timeout: 4000 });
    expect(document.querySelector('[role=alert]')).toBeNull();
    expect(document.title).toContain('Headroom');
  });
}

it('a refused shadow run says what differed', async () => {
  await visit('/swaps/$id', 'operator');
  await waitFor(() => expect(screen.getByText('Refused by the shadow run')).toBeTruthy());
  expect(screen.getByText('88127442')).toBeTruthy();
});

it('a page of another role says so', async () => {
  await visit('/admin/pricing', 'bidder');
  expect(screen.getByText('Your role does not include this page.')).toBeTruthy();
});
