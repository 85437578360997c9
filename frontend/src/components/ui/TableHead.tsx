import { Icon } from './Icon';
import { Tooltip } from './Tooltip';
import { cellClass, type Column, columnName, type Sort } from './table';

function Help({ about, text }: { about: string; text: string }) {
  return (
    <Tooltip text={text}>
      <button type="button" className="t3" style={{ marginLeft: 3, verticalAlign: -1 }} aria-label={`What ${about} means`}><Icon name="info" size={11} /></button>
    </Tooltip>
  );
}

interface Props<T> { columns: Column<T>[]; sort: Sort | null; onSort: (sort: Sort) => void; /** A column more, with what opens a row. */ opens?: boolean }

export function TableHead<T>({ columns, sort, onSort, opens }: Props<T>) {
  return (
    <thead>
      <tr aria-rowindex={1}>
        {columns.map((c) => {
          const on = sort?.id === c.id;
          return (
            <th key={c.id} scope="col" style={{ width: c.width }} className={`${cellClass(c)} ${on ? 'sort' : ''}`}
              aria-sort={on ? (sort.desc ? 'descending' : 'ascending') : undefined}>
              {c.value
                ? <button type="button" onClick={() => onSort({ id: c.id, desc: on ? !sort.desc : false })}>{c.head}{on && <span aria-hidden="true">{sort.desc ? '▼' : '▲'}</span>}</button>
                : c.head || <span className="sr-only">{columnName(c)}</span>}
              {c.help && <Help about={columnName(c)} text={c.help} />}
            </th>
          );
        })}
        {opens && <th scope="col"><span className="sr-only">All of the row</span></th>}
      </tr>
    </thead>
  );
}
