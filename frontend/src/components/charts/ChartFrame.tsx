// A panel that holds a chart and, one key away, the same numbers as a table with CSV.
import { type ReactNode, useState } from 'react';
import { DataTable } from '@/components/ui/DataTable';
import { Icon } from '@/components/ui/Icon';
import { Panel } from '@/components/ui/Panel';
import type { Column } from '@/components/ui/table';

interface Props<T> {
  title: string; note?: ReactNode; legend?: ReactNode; tools?: ReactNode; children: ReactNode;
  table: { columns: Column<T>[]; rows: T[]; rowKey: (row: T) => string; name: string };
}

export function ChartFrame<T>({ title, note, legend, tools, children, table }: Props<T>) {
  const [asTable, setAsTable] = useState(false);
  const toggle = (
    <button type="button" className="ib border-0 bg-transparent" aria-pressed={asTable} aria-label={`${title} as a table`} title="Table view" onClick={() => setAsTable(!asTable)}>
      <Icon name={asTable ? 'market' : 'table'} size={14} />
    </button>
  );
  return (
    <Panel title={title} note={note} tools={<>{tools}{toggle}</>}>
      {asTable
        ? <DataTable label={`${title}, table`} columns={table.columns} rows={table.rows} rowKey={table.rowKey} csvName={table.name} height={360} dense />
        : <>{children}{legend && <div className="legend under">{legend}</div>}</>}
    </Panel>
  );
}

export const LegendItem = ({ colour, dash, children }: { colour: string; dash?: string; children: ReactNode }) => (
  <span><svg width="18" height="8" aria-hidden="true"><path d="M0 4H18" stroke={`var(--${colour})`} strokeWidth="1.75" strokeDasharray={dash} /></svg>{children}</span>
);
