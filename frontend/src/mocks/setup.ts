// Tests: fetch answers from the same mock as the dev server, signed in as the bidder.
import { configure } from '@testing-library/react';
import { vi } from 'vitest';
import { answer } from './server.ts';
import { people } from './users.ts';

configure({ asyncUtilTimeout: 30_000 });

export const asRole = { role: 'bidder' };

// The code of the pages is here, whatever a test makes of the network.
vi.mock('@/lib/reachable', () => ({ isReachable: () => Promise.resolve(true) }));

if (typeof window !== 'undefined') {
  globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
    const url = new URL(String(input), 'http://mock');
    const person = people.find((p) => p.role === asRole.role) ?? null;
    const body = typeof init?.body === 'string' ? JSON.parse(init.body) : null;
    const reply = answer({ method: init?.method ?? 'GET', path: url.pathname.replace('/v1', ''), query: url.searchParams, body, person });
    const text = reply.body === undefined ? null : JSON.stringify(reply.body);
    return new Response(text, { status: reply.status, headers: reply.etag ? { ETag: reply.etag } : {} });
  }) as typeof fetch;
}

// jsdom lays nothing out, so nothing ever changes size.
globalThis.ResizeObserver ??= class { observe() {} unobserve() {} disconnect() {} };
