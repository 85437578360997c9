// A phone's navigation: every page of the role can be reached, by its name, also by keys.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import axe from 'axe-core';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { asRole } from '@/mocks/setup';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const real = window.matchMedia;
beforeEach(() => { window.matchMedia = ((media: string) => ({ media, matches: media.includes('max-width:639px'), addEventListener: () => {}, removeEventListener: () => {} })) as unknown as typeof window.matchMedia; });
afterEach(() => { cleanup(); forget(); queryClient.clear(); window.matchMedia = real; });

async function visit(path: string, role: string) {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
  return within(await screen.findByRole('navigation', { name: 'Main' }));
}
const names = (found: HTMLElement[]) => found.map((e) => e.textContent);
const more = () => screen.getByRole('button', { name: 'More' });

it('has four pages with their names, and the others in a list of names', async () => {
  const bar = await visit('/', 'bidder');
  expect(names(bar.getAllByRole('link'))).toEqual(['Market', 'Trade', 'Orders', 'Workloads']);
  expect(bar.getByRole('link', { name: 'Market' }).getAttribute('aria-current')).toBe('page');
  expect(more().getAttribute('aria-expanded')).toBe('false');
  fireEvent.click(more());
  expect(more().getAttribute('aria-expanded')).toBe('true');
  const list = screen.getByRole('list', { name: 'More pages' });
  expect(more().getAttribute('aria-controls')).toBe(list.id);
  expect(names(within(list).getAllByRole('link'))).toEqual(['Projects', 'Rounds', 'Swaps', 'Forecasts', 'Finance', 'Developers', 'Settings and about']);
  const found = await axe.run(document.querySelector('nav') as HTMLElement, { rules: { 'color-contrast': { enabled: false } } });
  expect(found.violations.map((v) => v.id)).toEqual([]);
});

it('the list closes when a page is chosen, says which one is open, and closes by Escape, which gives the focus back', async () => {
  await visit('/', 'bidder');
  fireEvent.click(more());
  fireEvent.click(screen.getByRole('link', { name: 'Rounds' }));
  await waitFor(() => expect(screen.getByRole('heading', { level: 1 }).textContent).toContain('Rounds'));
  expect(screen.queryByRole('list', { name: 'More pages' })).toBeNull();
  expect(more().className).toContain('on');
  fireEvent.click(more());
  const rounds = within(screen.getByRole('list', { name: 'More pages' })).getByRole('link', { name: 'Rounds' });
  expect(rounds.getAttribute('aria-current')).toBe('page');
  rounds.focus();
  fireEvent.keyDown(rounds, { key: 'Escape' });
  expect(screen.queryByRole('list', { name: 'More pages' })).toBeNull();
  expect(document.activeElement).toBe(more());
});

it('what is touched elsewhere closes the list', async () => {
  await visit('/', 'bidder');
  fireEvent.click(more());
  fireEvent.pointerDown(screen.getByRole('heading', { level: 1 }));
  await waitFor(() => expect(screen.queryByRole('list', { name: 'More pages' })).toBeNull());
});

it('shows each role its own pages', async () => {
  const bar = await visit('/', 'finance');
  expect(names(bar.getAllByRole('link'))).toEqual(['Market', 'Trade', 'Rounds', 'Finance1, 1 waits for a decision']);
});
