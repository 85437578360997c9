// A limit above what the market's highest prices come to: each sum of the ticket stands under its own name.
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

it('with a binding cap the hold is less than the most to pay', async () => {
  await open();
  type(/^Limit for/, '12000');
  // One core for two slots, at 1000 times the collar of a millicore.
  const held = (2 * 1000 * Number(pool.resources.find((r) => r.resource === 'cpu_milli')?.collar)).toFixed(2);
  await waitFor(() => expect(button().textContent).toBe(`Place bid, hold ${held} crCtrl ↩`));
  expect(screen.getByText(/^For all 2 slots/).textContent).toMatch(/^For all 2 slots 24,000\.00 cr, the limit of the whole order/);
  expect(screen.getByText(/^Preview of all 2 slots/)).toBeTruthy();
  expect(sum('Limit of the whole order')).toBe('24,000.00 cr');
  expect(sum('Held now; it follows prices up to the limit')).toBe(held);
  expect(screen.getByText('cr at most').previousElementSibling?.textContent).toBe('24,000.00');
});

it('under the cap the limit is said once', async () => {
  await open();
  type(/^Limit for/, '3');
  await waitFor(() => expect(button().textContent).toContain('hold 6.00 cr'));
  expect(screen.getByText(/^For all 2 slots/).textContent).toMatch(/^For all 2 slots 6\.00 cr/);
  expect(screen.queryByText('Limit of the whole order')).toBeNull();
});

it('a ticket with a fault shows no sum of an older order', async () => {
  await open();
  type(/^Limit for/, '3');
  await waitFor(() => expect(button().textContent).toContain('hold 6.00 cr'));
  type('CPU', '1,5');
  expect(screen.queryByText(/^For all/)).toBeNull();
  expect(screen.queryByRole('group', { name: /^Limit by its chance/ })).toBeNull();
});
