// Tests: what a page writes, in order, and what it is answered instead of what the mock says.
import { afterEach, beforeEach } from 'vitest';

export interface Sent { method: string; path: string; body: unknown; key: string | null }
export type Refusal = { status: number; body: unknown } | 'lost';

/** What is asked of something that is only typed: it changes nothing. */
const PREVIEW = /\/(preview|service_level)$/;

/** `read`: an answer to a read instead of the mock's; it may wait for what `hold` holds. */
export function watchWrites(read: (path: string, held: Promise<void> | null) => Promise<Response | undefined> | undefined = () => undefined) {
  const mock = globalThis.fetch;
  const sent: Sent[] = [];
  let refusal: Refusal | null = null;
  /** What the answers to writes wait for. */
  let gate: Promise<void> | null = null;
  beforeEach(() => {
    globalThis.fetch = (async (input: RequestInfo | URL, init?: RequestInit) => {
      if (!init?.method || init.method === 'GET' || PREVIEW.test(String(input))) return (await read(String(input), gate)) ?? mock(input, init);
      sent.push({ method: init.method, path: String(input), body: init.body ? JSON.parse(String(init.body)) : null, key: new Headers(init.headers).get('idempotency-key') });
      const now = refusal;
      refusal = null;
      await gate;
      if (now === 'lost') throw new TypeError('network');
      return now ? new Response(JSON.stringify(now.body), { status: now.status }) : mock(input, init);
    }) as typeof fetch;
  });
  afterEach(() => { globalThis.fetch = mock; sent.length = 0; refusal = null; gate = null; });
  return {
    sent,
    /** The next write is answered so. */
    refuse: (with_: Refusal) => { refusal = with_; },
    /** Nothing is answered until what it gives back is called. */
    hold: () => { let open = () => {}; gate = new Promise((done) => { open = done; }); return () => { gate = null; open(); }; },
  };
}
