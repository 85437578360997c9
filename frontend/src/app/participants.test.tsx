// What an admin does with participants: what is sent, what is asked first, and who sees the page.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { users } from '@/mocks/members';
import { asRole } from '@/mocks/setup';
import { participants } from '@/mocks/users';
import { watchWrites } from '@/mocks/writes';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

window.scrollTo = () => {};
const had = { participants: structuredClone(participants), users: structuredClone(users) };
/** Reading the participants waits for it, or fails. */
let reading: 'slow' | 'fails' | null = null;
const { sent, refuse, hold } = watchWrites(async (path, held) => {
  if (path !== '/v1/participants' || reading === null) return undefined;
  if (reading === 'fails') return new Response('{"title":"No"}', { status: 404 });
  await held;
  return undefined;
});
afterEach(() => {
  cleanup(); forget(); queryClient.clear(); reading = null;
  participants.splice(0, participants.length, ...structuredClone(had.participants)); users.splice(0, users.length, ...structuredClone(had.users));
});

async function visit(path = '/admin/participants', role = 'admin') {
  asRole.role = role;
  render(<QueryClientProvider client={queryClient}><RouterProvider router={makeRouter(createMemoryHistory({ initialEntries: [path] }))} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
}
const GENOMICS = 'par_01KAB6Q0ZX3F4QGENOM';
const open = () => visit(`/admin/participants?participant=${GENOMICS}`);
const form = (name: string) => screen.findByRole('form', { name });
const type = (within_: HTMLElement, label: string, value: string) => fireEvent.change(within(within_).getByLabelText(label), { target: { value } });
const button = (name: string | RegExp) => screen.getByRole('button', { name }) as HTMLButtonElement;

it('is for admins alone', async () => {
  for (const role of ['operator', 'finance', 'tenant']) {
    await visit('/admin/participants', role);
    expect(screen.getByText('Your role does not include this page.')).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Participants' })).toBeNull();
    cleanup(); forget(); queryClient.clear();
  }
});

it('sets a quota whole, after saying what changes', async () => {
  await open();
  const quota = await form('Quota');
  expect((within(quota).getByLabelText('CPU') as HTMLInputElement).value).toBe('64');
  expect(button('Set the quota…').disabled).toBe(true);
  type(quota, 'CPU', '48');
  type(quota, 'GPU', '1,5');
  expect(button('Set the quota…').disabled).toBe(true);
  type(quota, 'GPU', '2');
  fireEvent.click(button('Set the quota…'));
  const question = screen.getByRole('dialog');
  expect(question.textContent).toContain('CPU: 64 cores → 48 cores');
  expect(question.textContent).toContain('GPU: 0 devices → 2 devices');
  expect(question.textContent).not.toContain('Memory');
  expect(sent).toEqual([]);
  await waitFor(() => expect(button('Set it').disabled).toBe(false));
  fireEvent.click(button('Set it'));
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent).toEqual([{ method: 'PUT', path: `/v1/participants/${GENOMICS}/quota`, key: null, body: { quota: { cpu_milli: 48_000, mem_mib: 262_144, gpu_milli: 2000, storage_gib: 0, io_mbps: 0, net_mbps: 0 } } }]);
  await waitFor(() => expect(button('Set the quota…').disabled).toBe(true));
});

it('reads again before it sets: what somebody else has set meanwhile is not undone', async () => {
  await open();
  type(await form('Quota'), 'CPU', '48');
  Object.assign(participants.find((p) => p.id === GENOMICS) ?? {}, { quota: { cpu_milli: 50_000, mem_mib: 1024 } });
  reading = 'fails';
  fireEvent.click(button('Set the quota…'));
  await waitFor(() => expect(screen.getByRole('dialog').textContent).toContain('What is in force can’t be read now'));
  expect(button('Set it').disabled).toBe(true);
  fireEvent.click(button('Go back'));
  reading = 'slow';
  const answer = hold();
  fireEvent.click(button('Set the quota…'));
  // What was read before is still shown, and is not yet what may be set.
  expect(screen.getByRole('dialog').textContent).toContain('CPU: 64 cores → 48 cores');
  expect(button('Set it').disabled).toBe(true);
  fireEvent.submit(button('Set it').form as HTMLFormElement);
  answer();
  await waitFor(() => expect(screen.getByRole('dialog').textContent).toContain('CPU: 50 cores → 48 cores'));
  expect(sent).toEqual([]);
  await waitFor(() => expect(button('Set it').disabled).toBe(false));
  fireEvent.click(button('Set it'));
  await waitFor(() => expect(sent[0]?.body).toMatchObject({ quota: { cpu_milli: 48_000, mem_mib: 1024 } }));
});

it('grants with a key that stays while the answer is lost, and takes back', async () => {
  await open();
  const credits = await form('Credits');
  expect(button('Grant').disabled).toBe(true);
  type(credits, 'Amount to grant', '1000');
  type(credits, 'Reason, kept in the audit; may be empty', 'November');
  await waitFor(() => expect(credits.textContent).toContain('cr then'));
  // Enter in a field asks; it grants nothing.
  fireEvent.submit(credits);
  expect(screen.getByRole('dialog').textContent).toMatch(/Grant 1,000\.00 cr to Genomics Core\?.*Available: [\d,.]+ cr → [\d,.]+ cr/);
  expect(sent).toEqual([]);
  refuse('lost');
  fireEvent.click(button('Grant it'));
  await waitFor(() => expect(screen.getByRole('alert').textContent).toContain('Send it again unchanged'));
  // Until it is known only the same can be sent, also after what says nothing about it.
  const locked = () => { for (const label of ['Amount to grant', 'Reason, kept in the audit; may be empty']) expect((within(credits).getByLabelText(label) as HTMLInputElement).disabled).toBe(true); expect(button('Take back').disabled).toBe(true); };
  for (const status of [503, 429]) {
    locked();
    refuse({ status, body: { title: 'Busy', detail: `Busy ${status}` } });
    fireEvent.click(button('Send the same again'));
    await waitFor(() => expect(screen.getByRole('alert').textContent).toContain(`Busy ${status}`));
  }
  locked();
  fireEvent.click(button('Send the same again'));
  await waitFor(() => expect((within(credits).getByLabelText('Amount to grant') as HTMLInputElement).value).toBe(''));
  expect(sent.map((s) => [s.path, s.body])).toEqual(Array.from({ length: 4 }, () => [`/v1/participants/${GENOMICS}/grants`, { amount: '1000.000000', reason: 'November' }]));
  expect([new Set(sent.map((s) => s.key)).size, !!sent[0]?.key]).toEqual([1, true]);
  fireEvent.click(button('Take back'));
  type(credits, 'Amount to take back', '99999999');
  expect(credits.textContent).toContain('More than is available');
  type(credits, 'Amount to take back', '5');
  refuse({ status: 409, body: { title: 'Conflict', detail: 'Only 3 credits are available.', errors: [{ pointer: '/amount', code: 'not_available', detail: 'Only 3 credits are available.' }] } });
  fireEvent.click(button('Take 5.00 cr back…'));
  fireEvent.click(button('Take it'));
  await waitFor(() => expect(credits.textContent).toContain('Only 3 credits are available.'));
  expect(sent[4]?.body).toEqual({ amount: '-5.000000' });
  expect(sent[4]?.key).not.toBe(sent[3]?.key);
});

it('makes a user with a role, and shows the password once', async () => {
  await open();
  fireEvent.click(await screen.findByRole('button', { name: 'New user' }));
  const user = await form('New user');
  expect([...within(user).getByLabelText('Role').querySelectorAll('option')].map((o) => o.value)).toEqual(['bidder', 'tenant']);
  type(user, 'E-mail', 'mia@example.org');
  type(user, 'Name', 'Mia');
  type(user, 'Role', 'tenant');
  type(user, 'Initial password', 'short');
  expect(button('Make the user').disabled).toBe(true);
  fireEvent.click(button('Make one up'));
  const { value } = within(user).getByLabelText('Initial password') as HTMLInputElement;
  refuse({ status: 409, body: { title: 'Conflict', detail: 'There is one.', errors: [{ pointer: '/email', code: 'duplicate_email', detail: 'There is a user with this address already.' }] } });
  fireEvent.click(button('Make the user'));
  await waitFor(() => expect(user.textContent).toContain('There is a user with this address already.'));
  fireEvent.click(button('Make the user'));
  expect(((await screen.findByLabelText('For mia@example.org')) as HTMLTextAreaElement).value).toBe(value);
  expect(sent[1]).toMatchObject({ path: '/v1/users', body: { email: 'mia@example.org', name: 'Mia', password: value, memberships: [{ participant: GENOMICS, role: 'tenant' }] } });
  await waitFor(() => expect(screen.getByRole('list', { name: 'Users' }).textContent).toContain('mia@example.org'));
  fireEvent.click(button('I have handed it over'));
  await waitFor(() => expect(document.body.innerHTML).not.toContain(value));
});

it('makes a participant and goes on with it; the operator’s own has no quota and no credits', async () => {
  await visit('/admin/participants?new=1');
  const made = await form('New participant');
  type(made, 'Name', 'genomics core');
  expect(made.textContent).toContain('Another participant has this name');
  type(made, 'Name', 'Weather');
  type(made, 'CPU', '4');
  fireEvent.click(button('Make the participant'));
  await screen.findByText('Nobody can sign in for it yet.');
  expect(sent[0]).toMatchObject({ method: 'POST', path: '/v1/participants', body: { name: 'Weather', quota: { cpu_milli: 4000, mem_mib: 0, net_mbps: 0 } } });
  fireEvent.click(button('Operator'));
  await screen.findByText(/it does not trade, so it has no quota/);
  expect(screen.queryByRole('form', { name: 'Quota' })).toBeNull();
  expect(screen.queryByRole('form', { name: 'Credits' })).toBeNull();
  fireEvent.click(button('New user'));
  expect([...within(await form('New user')).getByLabelText('Role').querySelectorAll('option')].map((o) => o.value)).toEqual(['operator', 'finance', 'admin']);
});

it('shows the password also where somebody clicks elsewhere while the user is made, and until it is handed over', async () => {
  await open();
  fireEvent.click(await screen.findByRole('button', { name: 'New user' }));
  const user = await form('New user');
  type(user, 'E-mail', 'mia@example.org');
  type(user, 'Name', 'Mia');
  fireEvent.click(button('Make one up'));
  const { value } = within(user).getByLabelText('Initial password') as HTMLInputElement;
  const answer = hold();
  fireEvent.click(button('Make the user'));
  await waitFor(() => expect(sent).toHaveLength(1));
  expect(button('Cancel').disabled).toBe(true);
  fireEvent.click(button('Operator'));
  expect(screen.getByRole('form', { name: 'New user' })).toBeTruthy();
  answer();
  expect(((await screen.findByLabelText('For mia@example.org')) as HTMLTextAreaElement).value).toBe(value);
  fireEvent.click(button('Operator'));
  await screen.findByText(/it does not trade, so it has no quota/);
  expect((screen.getByLabelText('For mia@example.org') as HTMLTextAreaElement).value).toBe(value);
  expect(button('New user').disabled).toBe(true);
  fireEvent.click(button('I have handed it over'));
  await waitFor(() => expect(button('New user').disabled).toBe(false));
  expect(screen.queryByRole('form', { name: 'New user' })).toBeNull();
});
