// Each sum of the ticket stands under its own name.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { forgetDrafts } from '@/lib/edit';
import { pools } from '@/mocks/pools';
import { asRole } from '@/mocks/setup';
import { Ticket } from './Ticket';

beforeEach(() => { asRole.role = 'bidder'; });
afterEach(() => { cleanup(); forgetDrafts(); });

const pool = pools.find((p) => p.slug === 'fra1-gp') as (typeof pools)[number];
const type = (label: string | RegExp, text: string) => fireEvent.change(screen.getByLabelText(label), { target: { value: text } });
const button = () => screen.getByRole('button', { name: /^Place bid/ });
/** What stands beside a name in the list of sums. */
const sum = (name: string) => screen.getByText(name, { selector: 'dt' }).nextElementSibling?.textContent;
async function open() {
  render(<QueryClientProvider client={new QueryClient()}><Ticket pool={pool} resource="cpu_milli" unitPrice={null} /></QueryClientProvider>);
  await waitFor(() => expect(button().textContent).toMatch(/hold/));
  type('CPU', '1');
  type('Memory', '');
  type('For', '2');
}

it('the limit, the most to pay and the hold are one sum', async () => {
  await open();
  type(/^Limit for/, '12000');
  await waitFor(() => expect(button().textContent).toBe('Place bid, hold 24,000.00 crCtrl ↩'));
  expect(screen.getByText(/^For all 2 slots/).textContent).toMatch(/^For all 2 slots 24,000\.00 cr, the limit of the whole order/);
  expect(screen.getByText(/^Preview of all 2 slots/)).toBeTruthy();
  expect(sum('Held, the rest comes back')).toBe('24,000.00');
  expect(screen.getByText('cr at most').previousElementSibling?.textContent).toBe('24,000.00');
});

it('a ticket with a fault shows no sum of an older order', async () => {
  await open();
  type(/^Limit for/, '3');
  await waitFor(() => expect(button().textContent).toContain('hold 6.00 cr'));
  type('CPU', '1,5');
  expect(screen.queryByText(/^For all/)).toBeNull();
  expect(screen.queryByRole('group', { name: /^Limit by its chance/ })).toBeNull();
});
