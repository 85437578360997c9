// A refresh token is used once, and all tabs of a browser share it in a cookie. So they share its
// use too: one tab at a time renews, and who waited for it does not renew again. Where a browser has
// no locks (plain http to another machine), tabs that renew at the same moment get the same answer
// from the server, for a few seconds.

const LOCK = 'headroom.renewal';

/**
 * Another value after each renewal by any tab: the server sets this cookie with every one. Storage
 * would not do, as what one tab writes another one may read late.
 */
export const sessionMark = (): string => /(?:^|; )headroom_csrf=([^;]+)/.exec(document.cookie)?.[1] ?? '';

/** Runs `task` while no other tab runs one. */
export const oneTabAtATime = <T>(task: () => Promise<T>): Promise<T> =>
  navigator.locks ? navigator.locks.request(LOCK, task) as Promise<T> : task();
