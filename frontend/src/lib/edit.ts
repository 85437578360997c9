// What somebody is typing over a value that others may change meanwhile: it is never thrown away for that, and is
// sent under the version that it was typed over.
import { useState } from 'react';
import { store } from './store';

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);

/** What was typed stays, part by part; the rest is as others have it now. */
export function merged<T>(base: T, mine: T, theirs: T): T {
  if (!isRecord(base) || !isRecord(mine) || !isRecord(theirs)) return same(mine, base) ? theirs : mine;
  const names = [...new Set([...Object.keys(theirs), ...Object.keys(mine)])];
  return Object.fromEntries(names.map((name) => [name, merged(base[name], mine[name], theirs[name])])) as T;
}

/** A strong ETag, as `If-Match` wants it. */
export const etagOf = (version: number) => `"${version}"`;

interface Edit<T> { value: T; base: T; version: number }

/** What is typed over things that may not be shown at the moment, by their names. */
const drafts = store<Record<string, Edit<unknown>>>({});
/** What is typed into forms for something new, by their names. */
const begun = store<Record<string, unknown>>({});
/** Whoever signs in next has typed none of it. */
export const forgetDrafts = () => { drafts.set({}); begun.set({}); };

/** What was typed into a form of that name when it was last left; `null` after it was sent. */
export function useBegun<T>(name: string): [T | null, (value: T | null) => void] {
  const value = (begun.use()[name] as T | null | undefined) ?? null;
  return [value, (next) => begun.set({ ...begun.get(), [name]: next })];
}

/** Also after its form is gone: what was sent under way is no draft any more when it arrives. */
function keep(name: string, edit: Edit<unknown> | null): void {
  const { [name]: _, ...others } = drafts.get();
  drafts.set(edit ? { ...others, [name]: edit } : others);
}

/** The edit of this form alone, or the one of that name, which outlives the form. */
function useKept<T>(name?: string): [Edit<T> | null, (change: (before: Edit<T> | null) => Edit<T> | null) => void] {
  const [own, setOwn] = useState<Edit<T> | null>(null);
  const named = drafts.use();
  if (name === undefined) return [own, setOwn];
  const of = (all: Record<string, Edit<unknown>>) => (all[name] as Edit<T> | undefined) ?? null;
  return [of(named), (change) => keep(name, change(of(drafts.get())))];
}

/** With a `name` the edit outlives the form: it is there again when the same thing is shown again. */
export function useEdit<T>(current: T, version: number, name?: string) {
  const [edit, setEdit] = useKept<T>(name);
  // Another part of what shares the version may have changed: then nothing here is in the way.
  const stale = edit !== null && edit.version !== version && !same(edit.base, current);
  return {
    value: edit ? edit.value : current,
    edited: edit !== null,
    /** Somebody else has changed it since it was typed over. */
    stale,
    ifMatch: etagOf(stale ? edit.version : version),
    set: (value: T) => setEdit((e) => ({ value, base: e ? e.base : current, version: e ? (stale ? e.version : version) : version })),
    /** Takes over what others have changed, and keeps what was typed. */
    rebase: () => setEdit((e) => e && { value: merged(e.base, e.value, current), base: current, version }),
    reset: () => setEdit(() => null),
  };
}
