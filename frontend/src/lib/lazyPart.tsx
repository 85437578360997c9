// A page's code, or that of a part of one, comes when it is first shown, or before, when nothing else is to be done.
// Where it does not come the place of it says so, and can be tried again. The application is never reloaded by itself:
// what is typed in it would be lost.
import { type ComponentType, type ReactNode, useEffect, useReducer } from 'react';
import { isReachable } from './reachable';

type Load<P> = () => Promise<{ default: ComponentType<P> }>;

/** The code did not come. `answered`: the server did, so it has another version than this tab by now. */
export class NotLoaded extends Error {
  constructor(readonly tryAgain: () => void, readonly answered: boolean, cause: unknown) {
    super('Its code could not be loaded', { cause });
  }
}

/** `preload` never fails, and asks again after a failure; the router calls it on every way to a page. */
export interface LazyPart<P> { (props: P): ReactNode; preload: () => Promise<void>; isHere: () => boolean }
/** What stands in for a part of a page; a page has none, and throws to the boundary of its route. */
type Absent<P> = ComponentType<P & { tryAgain: () => void }>;

export function lazyPart<P extends object>(load: Load<P>, Absent?: Absent<P>): LazyPart<P> {
  let part: ComponentType<P> | undefined;
  let fault: { answered: boolean; error?: unknown } | undefined;
  let coming: Promise<void> | undefined;
  // A browser remembers that a module did not come, and never asks for it again: so it is asked only while somebody answers.
  const ask = async () => {
    if (!(await isReachable())) { fault = { answered: false }; return; }
    try {
      part = (await load()).default;
    } catch (error) {
      fault = { answered: true, error };
    }
  };
  const begin = () => (coming ??= ask());
  const forget = () => { if (fault) [fault, coming] = [undefined, undefined]; };
  const Part = (props: P) => {
    const [, render] = useReducer((n: number) => n + 1, 0);
    // Whoever opens it the next time asks again.
    useEffect(() => forget, []);
    const Loaded = part;
    if (Loaded) return <Loaded {...props} />;
    if (!fault) {
      // As React.lazy does: whoever renders it waits, and tries again when it is there.
      throw begin();
    }
    if (Absent) return <Absent {...props} tryAgain={() => { forget(); render(); }} />;
    throw new NotLoaded(forget, fault.answered, fault.error);
  };
  return Object.assign(Part, { preload: () => { forget(); return begin(); }, isHere: () => part !== undefined });
}

/** After the first page, and not all at once: by the time that the server is away they are here. */
const PAUSE_MS = 2_000;
/** Before it is tried again, where the server was away. */
const RETRY_MS = 30_000;

export function loadWhenIdle(parts: Pick<LazyPart<object>, 'preload' | 'isHere'>[]): void {
  const idle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 50));
  const next = (n: number) => {
    const part = parts[n];
    if (part) idle(() => void part.preload().then(() => (part.isHere() ? next(n + 1) : setTimeout(() => next(n), RETRY_MS))));
  };
  setTimeout(() => next(0), PAUSE_MS);
}
