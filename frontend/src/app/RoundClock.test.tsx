import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { asRole } from '@/mocks/setup';
import { RoundClock } from './RoundClock';

const real = globalThis.fetch;
let ago = 0;
beforeEach(() => {
  asRole.role = 'bidder';
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    if (!String(input).includes('/rounds')) return real(input, init);
    const sealed_at = new Date(Date.now() - ago * 1000).toISOString();
    return new Response(JSON.stringify({ object: 'list', data: [{ number: 7, sealed_at }], has_more: false }));
  }) as typeof fetch;
});
afterEach(() => { cleanup(); globalThis.fetch = real; });
const show = () => render(<QueryClientProvider client={new QueryClient()}><RoundClock /></QueryClientProvider>);

// The market of the mock holds a round every 10 seconds.
for (const [seconds, said] of [[14, 'closing'], [600, 'waits for orders']] as const) {
  it(`a round ${seconds} s after the last one says “${said}”`, async () => {
    ago = seconds;
    show();
    expect(await screen.findByText(said)).toBeTruthy();
    expect(screen.getByText('Round 8')).toBeTruthy();
  });
}
