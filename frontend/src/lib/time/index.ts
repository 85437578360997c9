// Times are RFC 3339 in UTC on the wire. People see UTC or local time, by one switch for all pages.
import { useEffect, useSyncExternalStore } from 'react';
import { kept } from '../store';

export const ZONES = ['UTC', 'Local'] as const;
export type Zone = (typeof ZONES)[number];
export const zone = kept<Zone>('zone', ZONES, 'UTC');

const cache = new Map<string, Intl.DateTimeFormat>();
function formatter(z: Zone, options: Intl.DateTimeFormatOptions) {
  const key = z + JSON.stringify(options);
  let f = cache.get(key);
  if (!f) cache.set(key, (f = new Intl.DateTimeFormat('en-GB', { ...options, hourCycle: 'h23', timeZone: z === 'UTC' ? 'UTC' : undefined })));
  return f;
}
const HM = { hour: '2-digit', minute: '2-digit' } as const;
const DAY = { day: 'numeric', month: 'short' } as const;
const YEAR = { year: 'numeric' } as const;

export const clock = (at: string | number, z: Zone) => formatter(z, HM).format(new Date(at));
export const clockSeconds = (at: string | number, z: Zone) => formatter(z, { ...HM, second: '2-digit' }).format(new Date(at));
const yearOf = (at: string | number, z: Zone) => formatter(z, YEAR).format(new Date(at));
/** With its year where that is not the present one. */
export const day = (at: string | number, z: Zone, present = serverNow()) => formatter(z, yearOf(at, z) === yearOf(present, z) ? DAY : { ...DAY, ...YEAR }).format(new Date(at));
export const dayClock = (at: string | number, z: Zone, present = serverNow()) => `${day(at, z, present)} ${clock(at, z)}`;
/** A moment that somebody has set, or at which something was done: with its seconds where they are not 0, so that two do not look alike. */
export const moment = (at: string | number, z: Zone, present = serverNow()) => `${day(at, z, present)} ${new Date(at).getUTCSeconds() === 0 ? clock(at, z) : clockSeconds(at, z)}`;
/** A moment as the API writes it. */
export const MOMENT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d))/g;
/** A sentence of the server with its moments in the reader's clock, where it can be text alone; elsewhere `Said` shows them with day and zone one hover away. */
export const inOurClock = (text: string, z: Zone = zone.get(), present = serverNow()): string => text.replace(MOMENT, (at) => moment(at, z, present));
/** A slot by its time; one that is not of about now by its day, too. */
export const slotClock = (at: string | number, now: number, z: Zone) => (Math.abs(new Date(at).getTime() - now) < 12 * 3_600_000 ? clock(at, z) : dayClock(at, z, now));
export const full = (at: string | number, z: Zone) =>
  `${formatter(z, { ...DAY, ...YEAR, ...HM, second: '2-digit', timeZoneName: 'short' }).format(new Date(at))}`;

/** Under 24 h an age is relative; older things are dated. */
export function age(at: string, now: number, z: Zone): string {
  const s = Math.round((now - Date.parse(at)) / 1000);
  if (s < 0) return clock(at, z);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} m`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h`;
  return day(at, z, now);
}

/** The first slot whose gate is open: it starts more than `lead` seconds from now, as the server counts. */
export function nextSlot(now: number, slotSeconds: number, leadSeconds: number): number {
  const slot = slotSeconds * 1000;
  return (Math.floor((now + leadSeconds * 1000) / slot) + 1) * slot;
}

// The server's clock decides when gates close; this machine's may be wrong, or the server's simulated.
let offset = 0;
export const serverSays = (at: string) => { offset = Date.parse(at) - Date.now(); };
export const serverNow = () => Date.now() + offset;

// One ticker for the page: a hundred ages cost one timer.
let now = serverNow();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;
function subscribe(listener: () => void) {
  listeners.add(listener);
  timer ??= setInterval(() => { now = serverNow(); listeners.forEach((l) => l()); }, 1000);
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) { clearInterval(timer); timer = undefined; }
  };
}
export function useNow(): number {
  useEffect(() => { now = serverNow(); }, []);
  return useSyncExternalStore(subscribe, () => now);
}
