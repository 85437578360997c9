// Two tabs of one browser: what this one does when the other changes for whom the session is.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Me } from '@/lib/api';
import { asRole } from '@/mocks/setup';
import { me, people } from '@/mocks/users';
import { forget, goBack } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};

const alice: Me = { ...me(people[0] as (typeof people)[number]), participant: { id: 'par_alice', name: 'alice' } };
const bob: Me = { ...alice, participant: { id: 'par_bob', name: 'bob' } };
const ben: Me = { ...bob, user: { ...bob.user, id: 'usr_ben', name: 'Ben' } };

/** The session of the cookies, which all tabs share; the server refuses what is meant for another. */
let session = alice;
const asked: { line: string; participant?: string; body: string }[] = [];
const real = globalThis.fetch;
beforeEach(() => {
  asRole.role = 'bidder';
  session = alice;
  globalThis.fetch = (async (input: string, init: RequestInit) => {
    const url = new URL(input, 'http://mock');
    const participant = (init.headers as Record<string, string>)['Headroom-Participant'];
    asked.push({ line: `${init.method} ${url.pathname}`, participant, body: String(init.body ?? '') });
    const answer = (status: number, body: unknown) => new Response(JSON.stringify(body), { status });
    if (url.pathname === '/v1/me') return answer(200, session);
    if (url.pathname === '/v1/auth/refresh') {
      session = [alice, bob].find((m) => m.participant.id === url.searchParams.get('participant')) ?? session;
      return answer(200, { csrf_token: 'x' });
    }
    if (participant !== undefined && participant !== session.participant.id) return answer(409, { title: 'Conflict', status: 409, code: 'acting_for_another', detail: 'Nothing was done.' });
    return real(input, init);
  }) as typeof fetch;
});
afterEach(() => { cleanup(); forget(); queryClient.clear(); asked.length = 0; globalThis.fetch = real; });

async function open(path = '/pools/fra1-gp') {
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getByRole('button', { name: /^Place bid, hold/ })).toBeTruthy());
  return router;
}
const limit = () => screen.getByLabelText(/^Limit for/) as HTMLInputElement;
const header = () => document.querySelector('header.top')?.textContent ?? '';
const placed = () => asked.filter((a) => a.line === 'POST /v1/bids').map((a) => a.participant);
/** As `announce` in another tab. */
const tell = () => { const other = new BroadcastChannel('headroom.session'); other.postMessage('changed'); setTimeout(() => other.close(), 50); };

it('goes over at once when another tab says that it has switched: nothing of the first is left', async () => {
  await open();
  fireEvent.change(limit(), { target: { value: '77.77' } });
  expect(header()).toContain('alice');
  // what was typed is asked about a little later, and would be refused
  await waitFor(() => expect(asked.some((a) => a.line === 'POST /v1/bids/preview' && a.body.includes('77.77'))).toBe(true));
  session = bob;
  const before = asked.length;
  tell();
  const note = await screen.findByRole('alert', {});
  expect(note.textContent).toContain('Another tab acts for bob now');
  expect(asked[before]?.line, 'it asks because it was told, not because something was refused').toBe('GET /v1/me');
  await waitFor(() => expect(header()).toContain('bob'));
  await waitFor(() => expect(screen.getByRole('button', { name: /^Place bid, hold/ })).toBeTruthy());
  expect(limit().value).not.toBe('77.77');
  expect(asked.filter((a) => a.line === 'GET /v1/balance').map((a) => a.participant)).toEqual(['par_alice', 'par_bob']);
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(placed()).toEqual(['par_bob']));
});

it('without that, a write of a page that shows another is not done; going back keeps what was typed', async () => {
  await open();
  fireEvent.change(limit(), { target: { value: '77.77' } });
  session = bob;
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  const dialog = await screen.findByRole('dialog', {});
  expect(dialog.textContent).toMatch(/It was meant for alice, but another tab of this browser acts for bob now\. So nothing was placed/);
  expect(placed()).toEqual(['par_alice']);
  // Neither the other tab's word nor a refused read takes the page away while it asks.
  tell();
  await queryClient.invalidateQueries({ queryKey: ['/balance'] });
  await new Promise((r) => setTimeout(r, 200));
  expect([header().includes('alice'), limit().value]).toEqual([true, '77.77']);
  fireEvent.click(screen.getByRole('button', { name: 'Go back to alice' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(session.participant.name).toBe('alice');
  expect([header().includes('alice'), limit().value]).toEqual([true, '77.77']);
  expect(screen.getByText(/Nothing was done for alice: another tab/)).toBeTruthy();
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  await waitFor(() => expect(placed()).toEqual(['par_alice', 'par_alice']));
});

it('or it goes on as the other, with nothing kept', async () => {
  await open();
  fireEvent.change(limit(), { target: { value: '77.77' } });
  session = bob;
  fireEvent.submit(screen.getByRole('form', { name: 'Order ticket' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Go on as bob' }));
  await waitFor(() => expect(header()).toContain('bob'));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(screen.queryByRole('alert')).toBeNull();
  await waitFor(() => expect(limit().value).not.toBe('77.77'));
});

it('a read that is refused is enough to go over', async () => {
  await open();
  session = bob;
  await queryClient.invalidateQueries({ queryKey: ['/balance'] });
  await waitFor(() => expect(header()).toContain('bob'));
  expect((await screen.findByRole('alert')).textContent).toContain('no longer alice');
});

it('somebody else who signed in is named, and there is no way back but to sign in', async () => {
  await open();
  session = ben;
  tell();
  const note = await screen.findByRole('alert', {});
  expect(note.textContent).toContain('Another tab acts for Ben (bob) now');
  expect(screen.queryByRole('button', { name: /Go back/ })).toBeNull();
  expect(screen.getByRole('link', { name: 'Sign in again' }).getAttribute('href')).toBe('/login');
});

it('a page that has gone over is read anew when it goes back', async () => {
  await open();
  session = bob;
  tell();
  await waitFor(() => expect(header()).toContain('bob'));
  const reload = vi.fn();
  await goBack(queryClient, alice, reload);
  expect([session.participant.name, reload.mock.calls.length]).toEqual(['alice', 1]);
});
