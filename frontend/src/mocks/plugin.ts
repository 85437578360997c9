// The mock API inside vite's own server (`MOCK=1 npm run dev` or `preview`): cookies, JSON and the stream.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Connect, Plugin } from 'vite';
import { ROUND } from './clock.ts';
import { answer, tick } from './server.ts';
import { people } from './users.ts';

const COOKIE = 'headroom_mock';

function stream(res: ServerResponse) {
  res.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const send = () => { const e = tick(); res.write(`id: ${e.id}\nevent: message\ndata: ${JSON.stringify(e)}\n\n`); };
  send();
  const timer = setInterval(send, ROUND);
  res.on('close', () => clearInterval(timer));
}

async function bodyOf(req: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = [];
  for await (const part of req) parts.push(part as Buffer);
  const text = Buffer.concat(parts).toString();
  try { return text ? JSON.parse(text) : null; } catch { return null; }
}

const serve: Connect.NextHandleFunction = (req, res, next) => {
  const url = new URL(req.url ?? '/', 'http://mock');
  if (!url.pathname.startsWith('/v1/')) return next();
  const role = new RegExp(`${COOKIE}=(\\w+)`).exec(req.headers.cookie ?? '')?.[1];
  const person = people.find((p) => p.role === role) ?? null;
  const path = url.pathname.slice(3);
  if (path === '/events' && person) return stream(res);
  void bodyOf(req).then((body) => {
    const reply = answer({ method: req.method ?? 'GET', path, query: url.searchParams, body, person });
    const headers: Record<string, string> = { 'Content-Type': reply.status < 400 ? 'application/json' : 'application/problem+json' };
    if (reply.person !== undefined) headers['Set-Cookie'] = `${COOKIE}=${reply.person?.role ?? ''}; Path=/; HttpOnly; SameSite=Lax`;
    if (reply.etag) headers.ETag = reply.etag;
    res.writeHead(reply.status, headers);
    res.end(reply.body === undefined ? undefined : JSON.stringify(reply.body));
  });
};

export const mockApi = (): Plugin => ({
  name: 'headroom-mock-api',
  configureServer: (server) => void server.middlewares.use(serve),
  configurePreviewServer: (server) => void server.middlewares.use(serve),
});
