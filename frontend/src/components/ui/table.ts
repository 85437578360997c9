import type { ReactNode } from 'react';
import type { Cell } from '@/lib/csv';

export interface Column<T> {
  id: string;
  head: ReactNode;
  /** Plain head for CSV and sorting buttons, where `head` is not text. */
  name?: string;
  cell: (row: T) => ReactNode;
  /** What sorts and what the CSV holds. Without it the column does neither. */
  value?: (row: T) => Cell;
  right?: boolean;
  /** What the number means, one key or hover away. */
  help?: string;
  /** Dropped first on narrow screens; `phone`: only on a phone, where the essential columns must do. */
  extra?: boolean | 'phone';
  width?: number | string;
  /** Takes what the other columns leave, and its text is cut to that: it pushes none of them out of sight. */
  rest?: boolean;
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
export const cellClass = <T>(c: Column<T>): string => [c.right && 'r', c.rest && 'rest', HIDE[`${c.extra ?? false}`]].filter(Boolean).join(' ');

export const columnName = <T>(c: Column<T>) => c.name ?? (typeof c.head === 'string' ? c.head : c.id);
export const toCsvTable = <T>(columns: Column<T>[], rows: T[]) => {
  const kept = columns.filter((c) => c.value);
  return { head: kept.map(columnName), rows: rows.map((r) => kept.map((c) => c.value?.(r))) };
};
