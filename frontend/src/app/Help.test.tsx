import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import Help from './Help';

afterEach(cleanup);

it('says of a limit what the ticket’s field asks for', () => {
  render(<QueryClientProvider client={new QueryClient()}><Help onClose={() => {}} /></QueryClientProvider>);
  const said = screen.getByText('Limit').nextElementSibling?.textContent;
  expect(said).toMatch(/per slot in the ticket and the lists here, for all slots of the order together in the API/);
});
