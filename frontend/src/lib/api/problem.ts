// RFC 9457 problems as the server sends them, and the two that only a browser can see.

import { inUnits } from '../money';
import { inOurClock } from '../time';

export interface ProblemBody {
  type?: string; title: string; status: number; detail?: string; code?: string; hint?: string;
  request_id?: string; errors?: { pointer: string; code: string; detail: string }[];
}

/** Where the server's advice is for those who write requests, what people are told instead. */
const WORDS: Record<string, string> = {
  instance_not_running: 'The workload has stopped or failed: restart it first. A bid without a workload buys capacity that nothing of yours runs on.',
  floor_below_driver: 'The kernel can’t hold it to less than 0.01 cores. Ask for that or more.',
  candidate_not_found: 'It has ended. Go back, refresh the list and choose another one.',
  lot_not_whole: 'A job has whole nodes only. Ask for a multiple of one node.',
  lot_divisible: 'A job has whole nodes only: it wins all of what a bid asks for, or none.',
};
/** A sentence of the server with its amounts in the units of the pages and its moments in the reader's clock; names stand in it as they do in ours, and what only the API has is left out. */
export const asSaid = (text: string): string => inOurClock(inUnits(text.replaceAll(/ \((?:max_swap|min_fill)\)/g, '').replaceAll('`', '')));
/** The same, or that which stands for it here. */
export const inWords = (code: string | null | undefined, detail: string | null | undefined): string | undefined => WORDS[code ?? ''] ?? (detail ? asSaid(detail) : undefined);

export class Problem extends Error {
  readonly body: ProblemBody;

  constructor(body: ProblemBody) {
    super(body.detail ?? body.title);
    this.name = 'Problem';
    this.body = body;
  }

  get status() { return this.body.status; }
  /** What to show: the server's sentence; its title is often only the status in words. */
  get said() { return [inWords(this.body.code, this.body.detail) ?? this.body.title, this.body.hint && inOurClock(this.body.hint)].filter(Boolean).join(' '); }

  /** Whether it was done is not known: a title may not say that it was not. */
  get unsure() { return this.body.code === 'unanswered' || this.body.code === 'outcome_unknown'; }

  /** A refusal of what was asked, also of what may have arrived before. Too many requests, or a session that is over, says nothing about that. */
  get final() { return this.status >= 400 && this.status < 500 && ![401, 408, 429].includes(this.status); }

  /** What the server says about one field, by its JSON pointer. */
  field(pointer: string): string | undefined {
    const error = this.body.errors?.find((e) => e.pointer === pointer);
    return error && inWords(error.code, error.detail);
  }
}

/** What the server tells those who write requests about its headers: from a comma, or a sentence of its own. */
const WAIT = /(?:,? (?:and|or) )?(?:try again after|wait for) the time in Retry-After(?:; the header RateLimit says how much is left)?\./i;
const secondsText = (seconds: number) => (seconds < 120 ? `${seconds} ${seconds === 1 ? 'second' : 'seconds'}` : `${Math.ceil(seconds / 60)} minutes`);
/** Of a refusal for now: how long to wait, in words. A proxy may give a date instead of seconds, or nothing. */
export function untilLater(detail: string, after: string | null, now = Date.now()): string {
  const seconds = after === null || after.trim() === '' ? Number.NaN : /^\d+$/.test(after.trim()) ? Number(after) : Math.ceil((Date.parse(after) - now) / 1000);
  const again = Number.isNaN(seconds) ? 'Try again in a moment.' : `Try again in ${secondsText(Math.max(1, seconds))}.`;
  const said = detail.trim();
  const found = WAIT.exec(said);
  if (!found) return /[.!?]$/.test(said) || said === '' ? `${said} ${again}`.trim() : `${said}. ${again}`;
  const [before, rest] = [said.slice(0, found.index).trimEnd(), said.slice(found.index + found[0].length)];
  return `${/[^.!?]$/.test(before) ? `${before}.` : before} ${again}${rest}`.trim();
}
const LATER = [429, 503];

export async function problemOf(response: Response): Promise<Problem> {
  const requestId = response.headers.get('x-request-id') ?? undefined;
  try {
    const body = (await response.json()) as ProblemBody;
    if (body && LATER.includes(response.status) && body.code !== 'outcome_unknown') body.detail = untilLater(body.detail ?? body.title, response.headers.get('retry-after'));
    if (body && typeof body.title === 'string') return new Problem({ request_id: requestId, ...body, status: response.status });
  } catch {
    // A proxy may answer with HTML; the status line is then all there is.
  }
  return new Problem({
    title: response.statusText || `The server answered ${response.status}`,
    status: response.status, request_id: requestId,
  });
}

const STAY = 'Orders that were accepted stay in force; the market does not need this page.';
/**
 * No answer came. What only reads or previews has changed nothing. Of a write a browser does not know whether it
 * arrived; with a key it counts once however often it is sent, so sending it again is how to find out.
 */
export function unreachable(method = 'GET', path = '', keyed = false): Problem {
  const lost = (detail: string) => new Problem({ title: 'The server cannot be reached', status: 0, code: 'unreachable', detail });
  if (method === 'GET') return lost(STAY);
  if (path.endsWith('/preview')) return lost(`The server cannot be reached, so there is no preview. It has placed nothing. ${STAY}`);
  if (path.startsWith('/auth/')) return lost('The server cannot be reached. Try again in a moment.');
  const what = keyed ? 'Send it again unchanged, without reloading the page: it has the same key and counts once.' : 'Look at how things stand before you try again.';
  return new Problem({ title: 'The server did not answer', status: 0, code: 'unanswered', detail: `The server did not answer: whether this arrived is not known. ${what}` });
}

export const asProblem = (error: unknown): Problem =>
  error instanceof Problem ? error : new Problem({ title: 'This page failed', status: 0, detail: String(error) });
