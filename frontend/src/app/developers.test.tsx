// API keys: what is sent, the secret once and nowhere after, what ends with a key, and who may do what.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { keys } from '@/mocks/keys';
import { asRole } from '@/mocks/setup';
import { watchWrites } from '@/mocks/writes';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

window.scrollTo = () => {};
const had = structuredClone(keys);
const { sent, refuse, hold } = watchWrites();
afterEach(() => { cleanup(); forget(); queryClient.clear(); keys.splice(0, keys.length, ...structuredClone(had)); });

async function visit(role: string, path = '/developers') {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getByRole('heading', { level: 1, name: 'Developers' })).toBeTruthy());
  return router;
}
const make = () => screen.getByRole('button', { name: 'Make the key' }) as HTMLButtonElement;

it('begins with what only reads, sends what was chosen, and shows the secret once', async () => {
  const router = await visit('tenant', '/developers?new=1');
  const form = await screen.findByRole('form', { name: 'New API key' });
  expect((within(form).getByLabelText(/^orders:write/) as HTMLInputElement).checked).toBe(false);
  expect(make().disabled).toBe(true);
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'nightly' } });
  for (const box of within(form).getAllByRole('checkbox')) if ((box as HTMLInputElement).checked) fireEvent.click(box);
  expect(make().disabled).toBe(true);
  fireEvent.click(within(form).getByLabelText(/^market:read/));
  fireEvent.click(within(form).getByLabelText(/^orders:write/));
  fireEvent.change(screen.getByLabelText('Ends'), { target: { value: '' } });
  fireEvent.click(make());
  const secret = (await screen.findByLabelText('Secret')) as HTMLTextAreaElement;
  expect(sent).toEqual([{ method: 'POST', path: '/v1/api_keys', body: { name: 'nightly', scopes: ['market:read', 'orders:write'], expires_at: null }, key: null }]);
  expect(secret.value).toMatch(/^xk_test_/);
  expect((screen.getByLabelText(/^Try it/) as HTMLTextAreaElement).value).toBe(`curl -s -H 'Authorization: Bearer ${secret.value}' ${window.location.origin}/v1/me`);
  // It outlives a look at another key, and nothing else knows it.
  fireEvent.click(await screen.findByRole('button', { name: 'dashboard' }));
  expect(await screen.findByLabelText('Secret')).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'I have kept it' }));
  await waitFor(() => expect(screen.queryByLabelText('Secret')).toBeNull());
  const reads = queryClient.getQueryCache().getAll().map((q) => q.state.data);
  for (const text of [document.body.innerHTML, router.state.location.href, JSON.stringify(reads), JSON.stringify({ ...localStorage, ...sessionStorage })]) expect(text).not.toContain(secret.value);
});

it('says at its field what the server refuses, and loses nothing', async () => {
  await visit('tenant', '/developers?new=1');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'nightly' } });
  const say = (pointer: string, detail: string) => ({ status: 422, body: { title: 'Unprocessable', detail, errors: [{ pointer, code: 'x', detail }] } });
  for (const [pointer, text] of [['/name', 'No such name.'], ['/scopes/3', 'Not that scope.'], ['/expires_at', 'It must be in the future.']] as const) {
    refuse(say(pointer, text));
    fireEvent.click(make());
    await waitFor(() => expect(screen.getAllByText(text)).toHaveLength(1));
    expect(screen.queryByRole('alert')).toBeNull();
  }
  refuse({ status: 409, body: { title: 'Conflict', detail: 'A participant has at most 64 API keys that work.' } });
  fireEvent.click(make());
  expect((await screen.findByRole('alert')).textContent).toContain('at most 64');
  refuse('lost');
  fireEvent.click(make());
  await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('its secret is lost: revoke it'));
  expect((screen.getByLabelText('Name') as HTMLInputElement).value).toBe('nightly');
});

it('revokes after a question that says what ends too', async () => {
  await visit('tenant');
  fireEvent.click(await screen.findByRole('button', { name: 'nightly' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Revoke…' }));
  expect(screen.getByRole('dialog').textContent).toContain('1 key (nightly, one run)');
  expect(sent).toEqual([]);
  fireEvent.click(screen.getByRole('button', { name: 'Revoke it' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent).toEqual([{ method: 'DELETE', path: `/v1/api_keys/${keys[0]?.id}`, body: null, key: null }]);
  await waitFor(() => expect(screen.getByRole('table', { name: 'API keys' }).getAttribute('aria-rowcount')).toBe('2'));
  fireEvent.click(screen.getByRole('button', { name: 'All' }));
  await waitFor(() => expect(screen.getByRole('table', { name: 'API keys' }).getAttribute('aria-rowcount')).toBe('6'));
});

it('who may not make keys sees those of the participant, and an admin sees everybody’s', async () => {
  await visit('bidder');
  fireEvent.click(await screen.findByRole('button', { name: 'nightly' }));
  expect(await screen.findByText('Secret begins with')).toBeTruthy();
  for (const name of ['New API key', 'Revoke…']) expect(screen.queryByRole('button', { name })).toBeNull();
  cleanup();
  forget();
  queryClient.clear();
  await visit('admin');
  await waitFor(() => expect(screen.getByRole('table', { name: 'API keys' }).textContent).toContain('Genomics Core'));
  expect(screen.getByRole('table', { name: 'API keys' }).textContent).toContain('Operator');
});

it('without any key it says what one is for', async () => {
  keys.splice(0);
  await visit('tenant');
  expect(await screen.findByText('There is no API key yet.')).toBeTruthy();
  expect(screen.getByRole('link', { name: 'What the API can do' }).getAttribute('href')).toBe('/docs');
  expect(screen.getByRole('button', { name: 'New API key' })).toBeTruthy();
});

it('shows the secret also where somebody clicks elsewhere while it is made, and makes no other before it is kept', async () => {
  await visit('tenant', '/developers?new=1');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'slow one' } });
  const answer = hold();
  fireEvent.click(make());
  await waitFor(() => expect(sent).toHaveLength(1));
  expect((screen.getByRole('button', { name: 'Cancel' }) as HTMLButtonElement).disabled).toBe(true);
  fireEvent.click(screen.getByRole('button', { name: 'dashboard' }));
  expect((screen.getByLabelText('Name') as HTMLInputElement).value).toBe('slow one');
  answer();
  expect(((await screen.findByLabelText('Secret')) as HTMLTextAreaElement).value).toMatch(/^xk_test_/);
  const add = screen.getByRole('button', { name: 'New API key' }) as HTMLButtonElement;
  expect(add.disabled).toBe(true);
  fireEvent.click(screen.getByRole('button', { name: 'I have kept it' }));
  await waitFor(() => expect(add.disabled).toBe(false));
});

it('asks before the page is left while a key is made or its secret is shown, and not once it is kept', async () => {
  const router = await visit('tenant', '/developers?new=1');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'nightly' } });
  const answer = hold();
  fireEvent.click(make());
  await waitFor(() => expect(sent).toHaveLength(1));
  const leave = async () => { fireEvent.click(screen.getByRole('link', { name: 'Market' })); return (await screen.findByRole('dialog', { name: 'Leave without the secret?' })).textContent; };
  expect(await leave()).toContain('its secret comes with the answer');
  fireEvent.click(screen.getByRole('button', { name: 'Stay' }));
  answer();
  const secret = ((await screen.findByLabelText('Secret')) as HTMLTextAreaElement).value;
  expect(await leave()).toContain('The secret of nightly is shown here and now alone');
  fireEvent.click(screen.getByRole('button', { name: 'Stay' }));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect([router.state.location.pathname, (screen.getByLabelText('Secret') as HTMLTextAreaElement).value]).toEqual(['/developers', secret]);
  // The tab, too.
  const close = () => { const closing = new Event('beforeunload', { cancelable: true }); window.dispatchEvent(closing); return closing.defaultPrevented; };
  expect(close()).toBe(true);
  // Another key on the same page is no leaving.
  fireEvent.click(screen.getByRole('button', { name: 'dashboard' }));
  await waitFor(() => expect(screen.getByText('Secret begins with')).toBeTruthy());
  expect(screen.queryByRole('dialog')).toBeNull();
  fireEvent.click(screen.getByRole('button', { name: 'I have kept it' }));
  await waitFor(() => expect(screen.queryByLabelText('Secret')).toBeNull());
  expect(close()).toBe(false);
  fireEvent.click(screen.getByRole('link', { name: 'Market' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/'));
});

it('who leaves all the same is not kept', async () => {
  const router = await visit('tenant', '/developers?new=1');
  fireEvent.change(await screen.findByLabelText('Name'), { target: { value: 'nightly' } });
  fireEvent.click(make());
  await screen.findByLabelText('Secret');
  fireEvent.click(screen.getByRole('link', { name: 'Audit' }));
  fireEvent.click(await screen.findByRole('button', { name: 'Leave, and lose it' }));
  await waitFor(() => expect(router.state.location.pathname).toBe('/audit'));
});
