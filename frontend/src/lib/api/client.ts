// One small client: cookies carry the session, writes carry the CSRF token and, where money moves,
// an idempotency key that stays the same over retries of one user action.
import { acting, announce, namedIn, refusedFor } from './acting';
import type { Me } from './objects';
import { problemOf, unreachable } from './problem';
import { oneTabAtATime, sessionMark } from './renewal';

export interface Options {
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  idempotencyKey?: string;
  ifMatch?: string;
  signal?: AbortSignal;
}
export interface Answer<T> { data: T; etag: string | null; replayed: boolean }

const CSRF = 'headroom.csrf';
let onSignedOut: () => void = () => {};

export const setCsrf = (token: string | null) =>
  token ? sessionStorage.setItem(CSRF, token) : sessionStorage.removeItem(CSRF);
export const whenSignedOut = (callback: () => void) => { onSignedOut = callback; };
export const newKey = () => crypto.randomUUID();

/** The token of the cookie belongs to the session that the browser has now: another tab may have signed in since this one did. */
const csrf = () => sessionMark() || (sessionStorage.getItem(CSRF) ?? '');

export function url(path: string, query: Options['query'] = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value != null && value !== '') search.set(key, String(value));
  const text = search.toString();
  return `/v1${path}${text && `?${text}`}`;
}

async function send(method: string, path: string, options: Options, by: Me | null = null): Promise<Response> {
  const headers: Record<string, string> = { Accept: 'application/json', ...namedIn(path, by) };
  const raw = options.body instanceof ArrayBuffer || options.body instanceof Blob;
  if (options.body !== undefined) headers['Content-Type'] = raw ? 'application/wasm' : 'application/json';
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf();
  if (options.idempotencyKey) headers['Idempotency-Key'] = options.idempotencyKey;
  if (options.ifMatch) headers['If-Match'] = options.ifMatch;
  const body = options.body === undefined ? undefined : raw ? (options.body as BodyInit) : JSON.stringify(options.body);
  try {
    return await fetch(url(path, options.query), { method, headers, body, credentials: 'same-origin', signal: options.signal });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw unreachable(method, path, options.idempotencyKey !== undefined);
  }
}

async function sendRenewal(query: Options['query'] = {}): Promise<Response> {
  const response = await send('POST', '/auth/refresh', { query });
  if (response.ok) setCsrf(((await response.clone().json()) as { csrf_token?: string }).csrf_token ?? null);
  return response;
}

/** Access cookies live minutes. Many requests may expire together, in several tabs: they share one refresh. */
let refreshing: Promise<boolean> | null = null;
/** Whether the session was renewed, by this tab or another one, since its mark was `seen`. */
function refresh(seen: string): Promise<boolean> {
  refreshing ??= oneTabAtATime(async () => sessionMark() !== seen || (await sendRenewal()).ok)
    .finally(() => { refreshing = null; });
  return refreshing;
}

/** Goes on with the session for another participant of the user. */
export async function actFor(participant: string): Promise<void> {
  await refreshing?.catch(() => undefined);
  const response = await oneTabAtATime(() => sendRenewal({ participant }));
  if (!response.ok) throw await problemOf(response);
  announce();
}

export async function call<T>(method: string, path: string, options: Options = {}): Promise<Answer<T>> {
  // For whom it was asked, also when it is sent again: the page may be another's by then.
  const by = acting();
  let seen = sessionMark();
  let response = await send(method, path, options, by);
  if (!path.startsWith('/auth/')) {
    // Twice: what another tab has renewed may be over as well, after a sleep for example.
    for (let tries = 0; response.status === 401 && tries < 2 && await refresh(seen); tries += 1) {
      seen = sessionMark();
      response = await send(method, path, options, by);
    }
    if (response.status === 401) onSignedOut();
  }
  if (!response.ok) {
    const problem = await problemOf(response);
    refusedFor(by, method, path, problem);
    throw problem;
  }
  const data = (response.status === 204 ? undefined : await response.json()) as T;
  return { data, etag: response.headers.get('etag'), replayed: response.headers.get('idempotent-replayed') === 'true' };
}

export const get = async <T>(path: string, query?: Options['query'], signal?: AbortSignal) =>
  (await call<T>('GET', path, { query, signal })).data;
