// A resource that no pool has is not offered; where a link asks for it all the same, the page says so, and promises no prices.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { asRole } from '@/mocks/setup';
import MarketPage from './MarketPage';

const params = vi.hoisted(() => ({ now: {} as Record<string, string> }));
vi.mock('@/lib/url', () => ({ useParam: (name: string, otherwise = '') => [params.now[name] ?? otherwise, () => {}] }));
vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a> }));
afterEach(cleanup);

async function open(now: Record<string, string>) {
  asRole.role = 'bidder';
  params.now = now;
  const { container } = render(<QueryClientProvider client={new QueryClient()}><MarketPage /></QueryClientProvider>);
  const tabs = await screen.findByRole('group', { name: 'Resource' });
  return { container, tabs: [...tabs.querySelectorAll('button')].map((b) => b.textContent) };
}

it('offers what is traded', async () => {
  const { tabs, container } = await open({});
  expect(tabs).toEqual(['CPU', 'Memory']);
  expect(container.textContent).not.toContain('No pool');
});
it('says that no pool trades what a link asks for', async () => {
  const { tabs, container } = await open({ r: 'gpu_milli' });
  expect(tabs).toEqual(['CPU', 'Memory', 'GPU']);
  expect(container.querySelector('.answer')?.textContent).toBe('No pool here trades GPU.');
  expect(container.querySelector('table')).toBeNull();
  expect(container.textContent).not.toMatch(/first round|first cleared round/);
});
it('or none of that tier', async () => {
  const { container } = await open({ tier: 'low_priority', r: 'gpu_milli' });
  expect(container.querySelector('.answer')?.textContent).toBe('No pool of the tier low priority trades GPU.');
});
