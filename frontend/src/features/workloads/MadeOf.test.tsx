import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { cleanup, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import type { Instance } from '@/lib/api';
import { MadeOf } from './MadeOf';

const real = globalThis.fetch;
afterEach(() => { cleanup(); globalThis.fetch = real; });

const modules = [{ id: 'mod_1', name: 'steady', size_bytes: 0 }, { id: 'mod_2', name: 'index', size_bytes: 0, kind: 'command' }, { id: 'mod_3', name: 'gone', size_bytes: 0, kind: 'command', available: false }];
const shown = (of: Partial<Instance>) => {
  globalThis.fetch = (async () => new Response(JSON.stringify({ data: modules, has_more: false }))) as typeof fetch;
  render(<QueryClientProvider client={new QueryClient()}><dl><MadeOf instance={of as Instance} /></dl></QueryClientProvider>);
};

it('names the module', async () => {
  shown({ module: 'mod_1' });
  expect((await screen.findByText('Module')).nextElementSibling?.textContent).toBe('steady');
});
it('says that a program is not there', async () => {
  shown({ module: 'mod_3' });
  expect((await screen.findByText('Command')).nextElementSibling?.textContent).toMatch(/^gone.*stands still/);
});
it('names the command as it would be typed', async () => {
  shown({ module: 'mod_2', arguments: ['--level', '3', 'two words', ''] });
  expect((await screen.findByText('Command')).nextElementSibling?.textContent).toBe('index --level 3 "two words" ""');
});
