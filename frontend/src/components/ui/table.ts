import type { ReactNode } from 'react';
import type { Cell } from '@/lib/csv';

/** A column of a file. */
export interface CsvPart<T> { head: string; of: (row: T) => Cell }

export interface Column<T> {
  id: string;
  head: ReactNode;
  /** Plain head for CSV and sorting buttons, where `head` is not text. */
  name?: string;
  cell: (row: T) => ReactNode;
  /** What sorts, and what the CSV holds unless `csv` says otherwise. Without it the column does not sort. */
  value?: (row: T) => Cell;
  /** What the CSV holds where that is not what sorts: what the screen says, in its unit. Parts, where the screen says more than one thing in a cell. */
  csv?: ((row: T) => Cell) | CsvPart<T>[];
  /** Head of `csv`, with its unit: a file has no footer that says it. */
  csvHead?: string;
  right?: boolean;
  /** What the number means, one key or hover away. */
  help?: string;
  /** Dropped first on narrow screens; `phone`: only on a phone, where the essential columns must do. */
  extra?: boolean | 'phone';
  width?: number | string;
  /** Takes what the other columns leave, and its text is cut to that: it pushes none of them out of sight. */
  rest?: boolean;
  /** With `rest`: its text breaks into lines instead of being cut. */
  wraps?: boolean;
}
export interface Sort { id: string; desc: boolean }

export function compare(a: Cell, b: Cell): number {
  if (a == null || b == null) return a == null ? (b == null ? 0 : 1) : -1;
  if (typeof a === 'string' || typeof b === 'string') return String(a).localeCompare(String(b), 'en', { numeric: true });
  return a < b ? -1 : a > b ? 1 : 0;
}

export function sorted<T>(rows: T[], columns: Column<T>[], sort: Sort | null): T[] {
  const value = sort && columns.find((c) => c.id === sort.id)?.value;
  if (!sort || !value) return rows;
  return rows.toSorted((a, b) => compare(value(a), value(b)) * (sort.desc ? -1 : 1));
}

const HIDE = { true: 'narrow-hide', false: '', phone: 'phone-hide' } as const;
export const cellClass = <T>(c: Column<T>): string => [c.right && 'r', c.rest && 'rest', c.wraps && 'wraps', HIDE[`${c.extra ?? false}`]].filter(Boolean).join(' ');

export const columnName = <T>(c: Column<T>) => c.name ?? (typeof c.head === 'string' ? c.head : c.id);
function partsOf<T>(c: Column<T>): CsvPart<T>[] {
  if (Array.isArray(c.csv)) return c.csv;
  const of = c.csv ?? c.value;
  return of ? [{ head: c.csvHead ?? columnName(c), of }] : [];
}
export const toCsvTable = <T>(columns: Column<T>[], rows: T[]) => {
  const parts = columns.flatMap(partsOf);
  return { head: parts.map((p) => p.head), rows: rows.map((r) => parts.map((p) => p.of(r))) };
};
