import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { AskedWorkload } from './AskedWorkload';

afterEach(cleanup);

it.each(['ins_01m880s29zefnr63b8ak5dgvtn', 'no id at all'])('says that there is no workload %s, and shows no other one', async (id) => {
  render(<QueryClientProvider client={new QueryClient({ defaultOptions: { queries: { retry: false } } })}><AskedWorkload id={id} /></QueryClientProvider>);
  expect(await screen.findByText(`There is no workload ${id}.`)).toBeTruthy();
  expect(screen.queryByText('Strategy')).toBeNull();
});
