// From when to when the page Finance is of stands in its address, and counts for all that is on it, its files too; a phone shows a
// row whole; the zone of times is said at every width.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { zone } from '@/lib/time';
import { asRole } from '@/mocks/setup';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const mock = globalThis.fetch;
const media = window.matchMedia;
const asked: URL[] = [];
beforeEach(() => { globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => { asked.push(new URL(String(input), 'http://mock')); return mock(input, init); }) as typeof fetch; });
afterEach(() => { cleanup(); forget(); queryClient.clear(); globalThis.fetch = mock; window.matchMedia = media; asked.length = 0; zone.set('UTC'); });
const onPhone = () => { window.matchMedia = ((text: string) => ({ media: text, matches: text.includes('max-width:639px'), addEventListener: () => {}, removeEventListener: () => {} })) as unknown as typeof window.matchMedia; };

async function visit(path: string, role: string) {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
  return router;
}
const last = (path: string) => asked.filter((u) => u.pathname === `/v1${path}`).at(-1)?.searchParams;
const field = (name: RegExp) => screen.getByLabelText(name) as HTMLInputElement;

it('honours from and to of its address, in what it reads and in its files', async () => {
  await visit('/finance?from=2026-10-01T00:00:00Z&to=2026-11-01T00:00:00Z', 'finance');
  const file = await screen.findByText('All transfers of this period, CSV');
  expect(file.getAttribute('href')).toBe('/v1/finance/ledger.csv?from=2026-10-01T00%3A00%3A00Z&to=2026-11-01T00%3A00%3A00Z');
  expect([last('/finance/summary')?.get('from'), last('/finance/summary')?.get('to')]).toEqual(['2026-10-01T00:00:00Z', '2026-11-01T00:00:00Z']);
  expect([field(/^From, UTC/).value, field(/^To, UTC/).value]).toEqual(['2026-10-01T00:00', '2026-11-01T00:00']);
  expect(within(screen.getByRole('group', { name: 'Usual periods' })).getAllByRole('button').filter((b) => b.getAttribute('aria-pressed') === 'true')).toEqual([]);
  expect(await screen.findByText('balances at the end of the period; a name opens its statement')).toBeTruthy();
});

it('keeps what is typed in the address, and says what can’t be shown', async () => {
  const router = await visit('/finance', 'bidder');
  await screen.findByText('Statement, CSV');
  fireEvent.change(field(/^From, UTC/), { target: { value: '2026-09-01T00:00' } });
  fireEvent.change(field(/^To, UTC/), { target: { value: '2026-08-01T00:00' } });
  expect(screen.getByText('Choose a time after the beginning')).toBeTruthy();
  expect((screen.getByRole('button', { name: 'Show it' }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.change(field(/^To, UTC/), { target: { value: '2026-10-01T06:30' } });
  fireEvent.click(screen.getByRole('button', { name: 'Show it' }));
  await waitFor(() => expect(router.state.location.search).toMatchObject({ from: '2026-09-01T00:00:00Z', to: '2026-10-01T06:30:00Z' }));
  await waitFor(() => expect(last('/statements')?.get('to')).toBe('2026-10-01T06:30:00Z'));
  await waitFor(() => expect(screen.getByText('Statement, CSV').getAttribute('href')).toContain('to=2026-10-01T06%3A30%3A00Z'));
  await waitFor(() => expect(last('/receipts')?.get('created[lt]')).toBe('2026-10-01T06:30:00Z'));
});

it('has months, and goes back to what is usual', async () => {
  const router = await visit('/finance', 'finance');
  fireEvent.click(await screen.findByRole('button', { name: 'Last month' }));
  await waitFor(() => expect(String((router.state.location.search as { to?: string }).to)).toMatch(/-01T00:00:00Z$/));
  expect(screen.getByRole('button', { name: 'Last month' }).getAttribute('aria-pressed')).toBe('true');
  fireEvent.click(screen.getByRole('button', { name: '24 hours' }));
  await waitFor(() => expect(router.state.location.search).toEqual({}));
});

/** Not by its role: what is looked for by role in vain is looked for in all of a long page, again and again. */
async function opened(): Promise<HTMLElement> {
  await waitFor(() => expect(document.querySelector('[role=dialog]')).toBeTruthy());
  return document.querySelector('[role=dialog]') as HTMLElement;
}

it('on a phone a row opens with all of its columns, and what stands in it does only its own', async () => {
  onPhone();
  await visit('/finance', 'bidder');
  const table = await screen.findByRole('table', { name: 'Movements' });
  const [, row] = within(table).getAllByRole('row') as [HTMLElement, HTMLElement];
  fireEvent.click(within(row).getAllByRole('cell')[0] as HTMLElement);
  const sheet = await opened();
  expect(sheet.textContent).toMatch(/^Movements/);
  const heads = [...sheet.querySelectorAll('dt')].map((d) => d.textContent);
  expect(heads).toEqual(['Time', 'Kind', 'What for', 'Round', 'Order', 'Transfer', 'Amount, cr', 'Balance, cr']);
  fireEvent.click(within(sheet).getByRole('button', { name: 'Back to the list' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  fireEvent.click(within(table).getAllByRole('button', { name: /^Copy transfer/ })[0] as HTMLElement);
  expect(screen.queryByRole('dialog')).toBeNull();
  const deliveries = await screen.findByRole('table', { name: 'Deliveries' });
  fireEvent.click(within(deliveries).getByRole('button', { name: 'All of row 2' }));
  expect((await opened()).textContent).toMatch(/^Deliveries.*Awarded.*Price.*Compensation, cr.*Why less/);
});

it('on a desk a row of it opens nothing', async () => {
  await visit('/finance', 'bidder');
  const table = await screen.findByRole('table', { name: 'Movements' });
  fireEvent.click(within(table).getAllByRole('cell')[0] as HTMLElement);
  expect([screen.queryByRole('dialog'), within(table).queryByRole('button', { name: /^All of row/ })]).toEqual([null, null]);
});

it('says in which zone times are where the switch has no room, and turns it there', async () => {
  onPhone();
  await visit('/rounds', 'bidder');
  const label = await screen.findByRole('button', { name: 'UTC: times are in UTC; show them in local time' });
  expect([label.textContent, label.className]).toEqual(['UTC', 'zone wide-hide']);
  fireEvent.click(label);
  expect([zone.get(), label.textContent]).toEqual(['Local', 'Local']);
});

it('the audit says whose each change was, to who sees everybody’s', async () => {
  await visit('/audit', 'admin');
  const table = await screen.findByRole('table', { name: 'Changes' });
  await waitFor(() => expect(table.textContent).toContain('Genomics Core'));
  expect(table.textContent).toContain('the operator');
  cleanup(); forget(); queryClient.clear();
  await visit('/audit', 'tenant');
  expect(within(await screen.findByRole('table', { name: 'Changes' })).queryByText('Whose')).toBeNull();
});
