import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, fireEvent, render, screen, waitFor } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { Register } from './Register';

const real = globalThis.fetch;
afterEach(() => { cleanup(); globalThis.fetch = real; });

it.each([
  [413, 'The body is too large.'],
  [409, 'A participant has at most 100 modules.'],
  [503, 'The compiler is busy.'],
])('says why a module was not taken (%i), registers nothing and stays open', async (status, detail) => {
  const asked: string[] = [];
  globalThis.fetch = (async (path: string, init: RequestInit) => {
    asked.push(`${init.method ?? 'GET'} ${path.split('?')[0]}`);
    if (init.method === 'POST') return new Response(JSON.stringify({ status, title: 'No', detail, code: 'x' }), { status });
    return new Response(JSON.stringify({ data: [], has_more: false }));
  }) as typeof fetch;
  const closed = vi.fn();
  render(<QueryClientProvider client={new QueryClient()}><Register onClose={closed} /></QueryClientProvider>);
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'job' } });
  fireEvent.change(screen.getByLabelText('Upload .wasm'), { target: { files: [new File(['\0asm'], 'job.wasm')] } });
  fireEvent.click(screen.getByRole('button', { name: 'Register' }));
  const said = await screen.findByRole('alert');
  expect(said.textContent).toContain(detail);
  await waitFor(() => expect((screen.getByRole('button', { name: 'Register' }) as HTMLButtonElement).disabled).toBe(false));
  expect(asked.filter((a) => a.startsWith('POST'))).toEqual(['POST /v1/modules']);
  expect(closed).not.toHaveBeenCalled();
});

it('registers a command with its arguments', async () => {
  const sent: unknown[] = [];
  const modules = [{ id: 'mod_1', name: 'steady', size_bytes: 0 }, { id: 'mod_2', name: 'index', size_bytes: 0, kind: 'command' }];
  globalThis.fetch = (async (path: string, init: RequestInit) => {
    if (init.method === 'POST') {
      sent.push(JSON.parse(String(init.body)));
      return new Response(JSON.stringify({ id: 'ins_1', name: 'job' }), { status: 201 });
    }
    return new Response(JSON.stringify({ data: path.includes('/modules') ? modules : [], has_more: false }));
  }) as typeof fetch;
  const closed = vi.fn();
  render(<QueryClientProvider client={new QueryClient()}><Register onClose={closed} /></QueryClientProvider>);
  fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'job' } });
  await screen.findByText('index, command');
  expect(screen.queryByLabelText('Arguments')).toBeNull();
  fireEvent.change(screen.getByLabelText('Module or command'), { target: { value: 'mod_2' } });
  fireEvent.change(screen.getByLabelText('Arguments'), { target: { value: '--level 3' } });
  fireEvent.click(screen.getByRole('button', { name: 'Register' }));
  await waitFor(() => expect(closed).toHaveBeenCalled());
  expect(sent).toMatchObject([{ name: 'job', command: ['index', '--level', '3'] }]);
  expect(sent[0]).not.toHaveProperty('module');
});

it('lends unless it is switched off', async () => {
  const sent: { strategy?: unknown }[] = [];
  const modules = [{ id: 'mod_1', name: 'steady', size_bytes: 0 }];
  globalThis.fetch = (async (path: string, init: RequestInit) => {
    if (init.method === 'POST') {
      sent.push(JSON.parse(String(init.body)));
      return new Response(JSON.stringify({ id: 'ins_1', name: 'job' }), { status: 201 });
    }
    return new Response(JSON.stringify({ data: path.includes('/modules') ? modules : [], has_more: false }));
  }) as typeof fetch;
  const register = async (change: () => void) => {
    const closed = vi.fn();
    render(<QueryClientProvider client={new QueryClient()}><Register onClose={closed} /></QueryClientProvider>);
    fireEvent.change(screen.getByLabelText('Name'), { target: { value: 'job' } });
    await screen.findByText(/^steady/);
    fireEvent.change(screen.getByLabelText('Module'), { target: { value: 'mod_1' } });
    change();
    fireEvent.click(screen.getByRole('button', { name: 'Register' }));
    await waitFor(() => expect(closed).toHaveBeenCalled());
    cleanup();
  };
  const least = () => screen.getByLabelText('Take at least, CPU') as HTMLInputElement;
  const lends = () => screen.getByRole('switch', { name: 'Lend what it will not need' });
  await register(() => expect(lends().getAttribute('aria-checked')).toBe('true'));
  await register(() => fireEvent.change(least(), { target: { value: '0.7' } }));
  await register(() => { fireEvent.click(lends()); expect(least().disabled).toBe(true); });
  expect(sent.map((s) => s.strategy)).toEqual([undefined, { auto_offer: { minimum_price: { cpu_milli: '0.000700000' } } }, { auto_offer: null }]);
});
