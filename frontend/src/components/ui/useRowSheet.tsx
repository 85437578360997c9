// On a phone a row opens as a sheet with all of its columns, where some of them are hidden and the row does nothing else.
import { type MouseEvent, type ReactNode, Suspense, useEffect, useState } from 'react';
import { lazyPart } from '@/lib/lazyPart';
import { usePhone } from '@/lib/usePhone';
import { Button } from './Button';
import { type Column, columnName } from './table';

const RowSheet = lazyPart(() => import('./RowSheet'), ({ tryAgain, onClose }) => (
  <div className="row g8 wrap px-3 py-1 border-t border-border s12" role="alert">All of the row could not be loaded. <Button size="sm" onClick={tryAgain}>Try again</Button><Button size="sm" kind="quiet" onClick={onClose}>Leave it</Button></div>
));

/** `onRow`: nothing where rows do not open. */
export interface RowSheets<T> { onRow?: (row: T) => (e: MouseEvent) => void; open: (row: T) => void; sheet: ReactNode }

export function useRowSheet<T>({ label, columns, rows, rowKey, selects }: { label: string; columns: Column<T>[]; rows: T[]; rowKey: (row: T) => string; /** A click on a row has a meaning of its own. */ selects: boolean }): RowSheets<T> {
  const opens = usePhone() && !selects && columns.some((c) => c.extra);
  const [opened, setOpened] = useState<string | null>(null);
  useEffect(() => { if (opens) void RowSheet.preload(); }, [opens]);
  // Shown once its code is here, or is known not to come.
  const open = (row: T) => void RowSheet.preload().then(() => setOpened(rowKey(row)));
  if (!opens) return { open, sheet: null };
  const row = rows.find((r) => rowKey(r) === opened);
  const items = row === undefined ? [] : columns.map((c) => ({ id: c.id, head: c.head || columnName(c), cell: c.cell(row) }));
  return {
    open, sheet: row !== undefined && <Suspense><RowSheet title={label} items={items} onClose={() => setOpened(null)} /></Suspense>,
    // What stands in the row and does something itself does only that.
    onRow: (of) => (e) => { if (!(e.target as Element).closest('a,button,input,select')) open(of); },
  };
}
