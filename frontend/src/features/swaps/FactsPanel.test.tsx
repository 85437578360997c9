import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import type { Swap } from '@/lib/api';
import { swaps } from '@/mocks/swaps';
import { FactsPanel } from './FactsPanel';

vi.mock('@tanstack/react-router', () => ({ Link: ({ children }: { children: string }) => <a href="/workloads">{children}</a> }));
afterEach(cleanup);

it('names the part of this page that says what differs, not the page itself', () => {
  const refused = { ...(swaps.find((s) => s.reason === 'shadow_mismatch') as Swap), answered_by_name: null, participant_name: null, cutover: null };
  const { container } = render(<QueryClientProvider client={new QueryClient()}><FactsPanel swap={refused} /></QueryClientProvider>);
  expect(container.textContent).toContain('What differs stands under “Shadow run');
  expect(container.textContent).not.toContain('the swap’s page');
});
