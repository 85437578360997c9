import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { asRole } from '@/mocks/setup';
import RoundsPage from './RoundsPage';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/">{children}</a> }));
const real = globalThis.fetch;
afterEach(() => { cleanup(); globalThis.fetch = real; });

it('before the first round it says how often rounds are held, as the market has it', async () => {
  asRole.role = 'bidder';
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) =>
    (String(input).includes('/rounds') ? new Response(JSON.stringify({ object: 'list', data: [], has_more: false })) : real(input, init))) as typeof fetch;
  render(<QueryClientProvider client={new QueryClient()}><RoundsPage /></QueryClientProvider>);
  expect(await screen.findByText('A round is held every 10 seconds while there is an open bid or offer; without one there is nothing to clear.')).toBeTruthy();
});
