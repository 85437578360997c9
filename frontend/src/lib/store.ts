// A value that several components read and that may survive a reload. Small on purpose: server
// state lives in the Query cache, page state in the URL, and only taste is left for here.
import { useSyncExternalStore } from 'react';

export interface Store<T> { get: () => T; set: (value: T) => void; use: () => T; subscribe: (f: () => void) => () => void }

export function store<T>(initial: T): Store<T> {
  let value = initial;
  const listeners = new Set<() => void>();
  const get = () => value;
  const subscribe = (listener: () => void) => { listeners.add(listener); return () => { listeners.delete(listener); }; };
  const set = (next: T) => {
    if (Object.is(next, value)) return;
    value = next;
    listeners.forEach((l) => l());
  };
  return { get, set, subscribe, use: () => useSyncExternalStore(subscribe, get) };
}

function keptIf<T extends string>(name: string, isOne: (saved: string) => saved is T, initial: T): Store<T> {
  const key = `headroom.${name}`;
  let first = initial;
  try {
    const saved = localStorage.getItem(key);
    if (saved && isOne(saved)) first = saved;
  } catch {
    // Storage may be forbidden; the choice then lasts as long as the tab.
  }
  const inner = store(first);
  return {
    ...inner,
    set: (value) => {
      inner.set(value);
      try { localStorage.setItem(key, value); } catch { /* as above */ }
    },
  };
}

/** Kept in localStorage under `headroom.<name>`; an unreadable or unknown value gives the default. */
export const kept = <T extends string>(name: string, values: readonly T[], initial: T): Store<T> => keptIf(name, (saved): saved is T => values.includes(saved as T), initial);
/** The same of any text; empty where there is none. */
export const keptText = (name: string): Store<string> => keptIf(name, (saved): saved is string => saved !== '', '');
