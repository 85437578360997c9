// One table for all lists: sorts, selects, virtualises above 60 rows, and hands out CSV of exactly
// what it shows. Spacer rows keep the scroll height, so at most about 60 rows are in the document.
import { useVirtualizer } from '@tanstack/react-virtual';
import { type ReactNode, useMemo, useRef, useState } from 'react';
import { csv, download } from '@/lib/csv';
import { formatCount } from '@/lib/money';
import { Button } from './Button';
import { Icon } from './Icon';
import { ScrollBox } from './ScrollBox';
import { TableHead } from './TableHead';
import { type Column, cellClass, type Sort, sorted, toCsvTable } from './table';
import { useInSight } from './useInSight';
import { useRowSheet } from './useRowSheet';

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string;
  selected?: string | null;
  onSelect?: (row: T) => void;
  initialSort?: Sort;
  muted?: (row: T) => boolean;
  dense?: boolean;
  height?: number | string;
  footer?: ReactNode;
  /** File name without ending; shows the download button. */
  csvName?: string;
  /** The rows are the newest of a longer list: the table says so, and so does the name of its file. */
  more?: More;
  /** What to say where there is no row. */
  empty?: ReactNode;
}
/** `note`: what to say instead of how many are shown, where a filter of the page leaves some of them out. */
export interface More { cut: boolean; older?: () => void; busy?: boolean; note?: ReactNode }
const VIRTUAL_FROM = 60;
const ROW = 30;
const DENSE_ROW = 24;
/** Text that breaks into lines makes some rows higher than others; where nothing is laid out all are alike. */
const heightOf = (row: Element) => row.getBoundingClientRect().height || ROW;

export function DataTable<T>({ label, columns, rows, rowKey, selected, onSelect, initialSort, muted, dense, height, footer, csvName, more, empty }: Props<T>) {
  const [sort, setSort] = useState<Sort | null>(initialSort ?? null);
  const view = useMemo(() => sorted(rows, columns, sort), [rows, columns, sort]);
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = view.length > VIRTUAL_FROM;
  const virtualizer = useVirtualizer({ count: virtual ? view.length : 0, getScrollElement: () => scroller.current, estimateSize: () => ROW, overscan: 8, initialRect: { width: 800, height: 600 }, measureElement: heightOf });
  useInSight(scroller, selected, selected == null ? -1 : view.findIndex((row) => rowKey(row) === selected), dense ? DENSE_ROW : ROW, virtual ? (index) => virtualizer.scrollToIndex(index, { align: 'center' }) : undefined);
  const { onRow, open, sheet } = useRowSheet({ label, columns, rows, rowKey, selects: !!onSelect });
  const wide = columns.length + (onRow ? 1 : 0);
  const items = virtualizer.getVirtualItems();
  const top = virtual ? (items[0]?.start ?? 0) : 0;
  const bottom = virtual ? virtualizer.getTotalSize() - (items.at(-1)?.end ?? 0) : 0;
  const shown = virtual ? items.map((i) => ({ row: view[i.index] as T, index: i.index })) : view.map((row, index) => ({ row, index }));
  const save = () => {
    const t = toCsvTable(columns, view);
    download(`${csvName}${more?.cut ? `-newest-${view.length}` : ''}.csv`, csv(t.head, t.rows));
  };
  return (
    <>
      <ScrollBox label={`${label}: rows`} boxRef={scroller} maxHeight={height ?? (virtual ? 640 : undefined)}>
        <table className={`t mk ${dense ? 'd24' : ''}`} aria-label={label} aria-rowcount={view.length + 1}>
          <TableHead columns={columns} sort={sort} onSort={setSort} opens={!!onRow} />
          <tbody>
            {top > 0 && <tr aria-hidden="true" style={{ height: top }}><td colSpan={wide} /></tr>}
            {shown.map(({ row, index }) => {
              const key = rowKey(row);
              return (
                <tr key={key} ref={virtual ? virtualizer.measureElement : undefined} data-index={index} aria-rowindex={index + 2} aria-selected={onSelect ? key === selected : undefined}
                  className={`${key === selected ? 'sel' : ''} ${onSelect || onRow ? 'click' : ''} ${muted?.(row) ? 'mut' : ''}`}
                  onClick={onSelect ? () => onSelect(row) : onRow?.(row)}>
                  {columns.map((c) => <td key={c.id} className={cellClass(c)}>{c.cell(row)}</td>)}
                  {onRow && <td className="r"><button type="button" className="linkish" aria-label={`All of row ${formatCount(index + 1)}`} onClick={() => open(row)}><Icon name="more" /></button></td>}
                </tr>
              );
            })}
            {view.length === 0 && <tr><td colSpan={wide} className="t3">{empty ?? 'Nothing to show yet.'}</td></tr>}
            {bottom > 0 && <tr aria-hidden="true" style={{ height: bottom }}><td colSpan={wide} /></tr>}
          </tbody>
        </table>
      </ScrollBox>
      {sheet}
      {more?.cut && (
        <div className="row g8 border-t border-border px-3 py-1 s12 t2">
          <span>{more.note ?? `The newest ${formatCount(view.length)} are shown; there are older ones.`}</span><span className="sp" />
          {more.older && <Button size="sm" busy={more.busy} onClick={more.older}>Show older</Button>}
        </div>
      )}
      {(footer || csvName) && (
        <div className="row g8 border-t border-border px-3 py-1 s11 t3">
          {footer}<span className="sp" />
          {csvName && <Button size="sm" kind="quiet" icon="export" onClick={save}>{more?.cut ? `CSV of the newest ${formatCount(view.length)}` : 'CSV of this view'}</Button>}
        </div>
      )}
    </>
  );
}
