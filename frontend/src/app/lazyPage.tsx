// A page's code comes when the page is first shown, or when nothing else is to be done. Where it does not come, the
// page says so, and the application is never reloaded by itself: what is typed in it would be lost.
import type { ComponentType } from 'react';

type Load = () => Promise<{ default: ComponentType }>;

/** The code of a page did not come: the server is away, or has another version than this tab by now. */
export class PageNotLoaded extends Error {
  constructor(readonly tryAgain: () => void, cause: unknown) {
    super('The page could not be loaded', { cause });
  }
}

export interface LazyPage { (): React.ReactNode; load(): Promise<void> }

export function lazyPage(load: Load): LazyPage {
  let page: ComponentType | undefined;
  let fault: unknown;
  let coming: Promise<void> | undefined;
  const begin = () => (coming ??= load().then((module) => { page = module.default; }, (error: unknown) => { fault = error ?? 'no reason'; }));
  const forget = () => { [fault, coming] = [undefined, undefined]; };
  const Page = () => {
    const Loaded = page;
    if (Loaded) return <Loaded />;
    if (fault !== undefined) throw new PageNotLoaded(forget, fault);
    // As React.lazy does: whoever renders it waits, and tries again when it is there.
    throw begin();
  };
  return Object.assign(Page, { load: async () => { await begin(); if (!page) forget(); } });
}

/** After the first page, and not all at once: by the time that the server is away they are here. */
const PAUSE_MS = 2_000;

export function loadWhenIdle(pages: LazyPage[]): void {
  const idle = globalThis.requestIdleCallback ?? ((work: () => void) => setTimeout(work, 50));
  const next = (n: number) => { const page = pages[n]; if (page) idle(() => void page.load().then(() => next(n + 1))); };
  setTimeout(() => next(0), PAUSE_MS);
}
