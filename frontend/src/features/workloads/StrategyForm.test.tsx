// Two who change a strategy at once: the second is told, loses nothing of what was typed, and may take over the rest.
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Toaster } from '@/components/ui/Toaster';
import type { Instance, Strategy } from '@/lib/api';
import { forgetDrafts } from '@/lib/edit';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { StrategyForm } from './StrategyForm';

const sent: { body: Strategy; ifMatch: string | null }[] = [];
let status = 200;
let answered: Promise<void> = Promise.resolve();
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'tenant';
  status = 200;
  answered = Promise.resolve();
  globalThis.fetch = vi.fn(async (input: RequestInfo | URL, init?: RequestInit) => {
    if (init?.method !== 'PUT') return real(input, init);
    sent.push({ body: JSON.parse(String(init.body)), ifMatch: new Headers(init.headers).get('if-match') });
    await answered;
    return new Response(JSON.stringify(status === 200 ? {} : { title: 'Precondition Failed', code: 'stale_version' }), { status });
  });
});
afterEach(() => { cleanup(); forgetDrafts(); globalThis.fetch = real; sent.length = 0; });

const before: Instance = { ...(instances[0] as Instance), strategy: { auto_bid: null, auto_offer: null }, strategy_version: 4 };
const theirs: Instance = { ...before, strategy: { auto_bid: null, auto_offer: null, notice_seconds: 90, move_fee: '2.000000' }, strategy_version: 5 };
const open = () => {
  const client = new QueryClient();
  const page = (instance: Instance) => <QueryClientProvider client={client}><StrategyForm instance={instance} /><Toaster /></QueryClientProvider>;
  const { rerender } = render(page(before));
  return (instance: Instance) => rerender(page(instance));
};
const field = (name: string) => screen.getByLabelText(name) as HTMLInputElement;
const save = () => fireEvent.click(screen.getByRole('button', { name: 'Save strategy' }));

it('sends the version that it was read with', async () => {
  open();
  fireEvent.change(field('Moving it costs you'), { target: { value: '1.5' } });
  save();
  await waitFor(() => expect(sent.map((s) => [s.ifMatch, s.body.move_fee])).toEqual([['"4"', '1.500000']]));
});
it('keeps what was typed when another was first, and takes over what was not', async () => {
  const read = open();
  fireEvent.change(field('Moving it costs you'), { target: { value: '1.5' } });
  status = 412;
  save();
  await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('Somebody else has changed the strategy meanwhile, so this was not saved.'));
  read(theirs);
  expect([field('Moving it costs you').value, field('Knows what it has').value]).toEqual(['1.5', '']);
  fireEvent.click(await screen.findByRole('button', { name: 'Load theirs, keep what I typed' }));
  expect([field('Moving it costs you').value, field('Knows what it has').value]).toEqual(['1.5', '90']);
  status = 200;
  save();
  await waitFor(() => expect(sent.at(-1)).toMatchObject({ ifMatch: '"5"', body: { move_fee: '1.500000', notice_seconds: 90 } }));
});
it('follows what others change while nothing is typed', () => {
  const read = open();
  read(theirs);
  expect([field('Moving it costs you').value, screen.queryByRole('alert')]).toEqual(['2', null]);
});
it('keeps what was typed while another workload is looked at, until it is saved or discarded', async () => {
  open();
  fireEvent.change(field('Moving it costs you'), { target: { value: '1.5' } });
  cleanup();
  open();
  expect([field('Moving it costs you').value, screen.queryByText(/Changed and not saved/) !== null]).toEqual(['1.5', true]);
  fireEvent.click(screen.getByRole('button', { name: 'Discard' }));
  expect([field('Moving it costs you').value, screen.queryByText(/Changed and not saved/)]).toEqual(['', null]);
});
it('what was saved is no draft any more, though its form was gone when the answer came', async () => {
  let arrive = () => {};
  answered = new Promise((done) => { arrive = done; });
  open();
  fireEvent.change(field('Moving it costs you'), { target: { value: '1.5' } });
  save();
  await waitFor(() => expect(sent).toHaveLength(1));
  cleanup();
  open();
  expect(field('Moving it costs you').value).toBe('1.5');
  arrive();
  await waitFor(() => expect(screen.queryByText(/Changed and not saved/)).toBeNull());
});
it('says that it places nothing until a cost is named, and saves it only then', () => {
  open();
  fireEvent.click(screen.getByRole('switch', { name: 'Bid when the forecast asks for more' }));
  const button = () => screen.getByRole('button', { name: 'Save strategy' }) as HTMLButtonElement;
  expect([screen.queryByText(/places nothing until a cost is named/) !== null, button().disabled]).toEqual([true, true]);
  fireEvent.change(field('A slot short costs, CPU'), { target: { value: '1.5' } });
  expect([screen.queryByText(/places nothing until a cost is named/), button().disabled]).toEqual([null, false]);
});
it('judges what is typed before it is saved', async () => {
  open();
  fireEvent.click(screen.getByRole('switch', { name: 'Bid when the forecast asks for more' }));
  fireEvent.change(field('A slot short costs, CPU'), { target: { value: '4' } });
  fireEvent.change(field('Promised service level'), { target: { value: '95' } });
  const level = await screen.findByRole('region', { name: 'Service level as typed, not saved' });
  await waitFor(() => expect(level.textContent).toContain('Promised95\u2009%'));
  expect(within(level).getByText(/^Under the promised service level/)).toBeTruthy();
  fireEvent.change(field('Promised service level'), { target: { value: '10' } });
  await waitFor(() => expect(within(level).queryByText(/^Under the promised service level/)).toBeNull());
  fireEvent.change(field('Promised service level'), { target: { value: '1,5' } });
  expect(screen.queryByRole('region', { name: /^Service level/ })).toBeNull();
  expect(sent).toEqual([]);
});
it('says of a shortage that costs less than cover that nothing is bid', async () => {
  open();
  fireEvent.click(screen.getByRole('switch', { name: 'Bid when the forecast asks for more' }));
  fireEvent.change(field('A slot short costs, CPU'), { target: { value: '0.001' } });
  expect(await screen.findByText(/cover costs no less than the shortage it saves/)).toBeTruthy();
});
