// No role is led to a page that it may not see: what would lead there is text.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { scopeOfPage } from '@/lib/pages';
import { asRole } from '@/mocks/setup';
import { swaps } from '@/mocks/swaps';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';
import { ROUTES } from './routes';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const mock = globalThis.fetch;
afterEach(() => { cleanup(); forget(); queryClient.clear(); globalThis.fetch = mock; });

async function visit(path: string, role: string) {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
}
const linksTo = (page: string) => [...document.querySelectorAll('main a')].filter((a) => a.getAttribute('href')?.startsWith(page));

it('finance reads of which order a movement is, and is not led to the orders, which it can’t see', async () => {
  await visit('/finance?participant=par_01KAB6Q0ZX3F4QGENOM', 'finance');
  const rows = await screen.findByRole('table', { name: 'Movements' });
  expect(rows.textContent).toContain('7K2A05');
  expect([linksTo('/bids').length, linksTo('/rounds').length > 0]).toEqual([0, true]);
  cleanup(); forget(); queryClient.clear();
  await visit('/finance', 'bidder');
  await screen.findByRole('table', { name: 'Movements' });
  expect(linksTo('/bids').length).toBeGreaterThan(0);
});

it('an operator reads that a swap’s receipts say what it comes to, and is not led to finance', async () => {
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const answer = await mock(input, init);
    return String(input).endsWith('/explain') ? new Response(JSON.stringify({ ...(await answer.json()), pays: null, is_paid: null })) : answer;
  }) as typeof fetch;
  await visit(`/swaps/${swaps[0]?.id}`, 'operator');
  await screen.findByText(/^What it comes to is on the/);
  expect([linksTo('/finance').length, linksTo('/bids').length > 0, linksTo('/swaps').length]).toEqual([0, true, 1]);
});

it('knows what each page needs from the route table', () => {
  makeRouter();
  for (const route of ROUTES) expect(scopeOfPage(route.path)).toBe(route.scope);
  expect([scopeOfPage('/swaps/swp_1'), scopeOfPage('/pools/fra1-gp'), scopeOfPage('/nowhere')]).toEqual(['swaps:read', undefined, undefined]);
});

it('no feature links to a page with a scope but by the link that looks at it', () => {
  const scoped = ROUTES.filter((r) => r.scope).map((r) => r.path.split('/').slice(0, 2).join('/'));
  const src = join(process.cwd(), 'src', 'features');
  const raw = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.tsx') && !f.endsWith('.test.tsx')).flatMap((file) =>
    [...readFileSync(join(src, file), 'utf8').matchAll(/<Link\b[^>]*?to=\{?["']([^"']*)/g)].filter(([, to = '']) => scoped.some((page) => to === page || to.startsWith(`${page}/`))).map(([, to]) => `${file} → ${to}`));
  expect(raw).toEqual([]);
});
