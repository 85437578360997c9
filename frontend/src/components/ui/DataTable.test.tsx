import { cleanup, fireEvent, render, screen } from '@testing-library/react';
import { afterEach, expect, it } from 'vitest';
import { DataTable } from './DataTable';
import { type Column, toCsvTable } from './table';

interface Row { id: string; n: number }
const columns: Column<Row>[] = [
  { id: 'id', head: 'Name', cell: (r) => r.id, value: (r) => r.id },
  { id: 'n', head: 'Number', right: true, cell: (r) => r.n, value: (r) => r.n },
];
const rows = Array.from({ length: 10_000 }, (_, i) => ({ id: `r${i}`, n: 10_000 - i }));
afterEach(cleanup);

it('keeps at most 60 of 10,000 rows in the document and still counts them all', () => {
  render(<DataTable label="Things" columns={columns} rows={rows} rowKey={(r) => r.id} />);
  expect(document.querySelectorAll('tbody tr').length).toBeLessThanOrEqual(60);
  expect(screen.getByRole('table').getAttribute('aria-rowcount')).toBe('10001');
});

it('sorts by the value, not by the text, and says how', () => {
  render(<DataTable label="Things" columns={columns} rows={rows.slice(0, 20)} rowKey={(r) => r.id} />);
  fireEvent.click(screen.getByRole('button', { name: 'Number' }));
  expect(screen.getByRole('columnheader', { name: /Number/ }).getAttribute('aria-sort')).toBe('ascending');
  expect(document.querySelector('tbody td')?.textContent).toBe('r19');
});

it('hands out exactly what it shows', () => {
  expect(toCsvTable(columns, rows.slice(0, 1))).toEqual({ head: ['Name', 'Number'], rows: [['r0', 10_000]] });
});

it('says that older rows are missing, asks for them, and says so in the file as well', () => {
  let asked = 0;
  render(<DataTable label="Things" columns={columns} rows={rows.slice(0, 20)} rowKey={(r) => r.id} csvName="things" more={{ cut: true, older: () => { asked += 1; } }} />);
  expect(screen.getByText('The newest 20 are shown; there are older ones.')).toBeTruthy();
  expect(screen.getByRole('button', { name: 'CSV of the newest 20' })).toBeTruthy();
  fireEvent.click(screen.getByRole('button', { name: 'Show older' }));
  expect(asked).toBe(1);
});

it('a column that takes the rest says so in its head and in its cells', () => {
  render(<DataTable label="Things" columns={[columns[0] as Column<Row>, { id: 'why', head: 'Why', rest: true, cell: () => 'a long text' }]} rows={rows.slice(0, 1)} rowKey={(r) => r.id} />);
  expect([...document.querySelectorAll('.rest')].map((cell) => cell.textContent)).toEqual(['Why', 'a long text']);
});

it('a file says what the screen says, in its unit and under a head of its own, also where something else sorts', () => {
  const more: Column<Row>[] = [
    { id: 'n', head: 'Number', cell: (r) => r.n / 1000, value: (r) => r.n, csv: (r) => r.n / 1000, csvHead: 'Number, thousands' },
    { id: 'both', head: 'Both', cell: () => null, value: (r) => r.id, csv: [{ head: 'Name', of: (r) => r.id }, { head: 'Half', of: (r) => r.n / 2 }] },
    { id: 'unit', head: 'Plain', cell: () => null, value: (r) => r.n, csvHead: 'Plain, pieces' },
    { id: 'none', head: 'Neither', cell: () => null },
  ];
  expect(toCsvTable(more, rows.slice(0, 1))).toEqual({ head: ['Number, thousands', 'Name', 'Half', 'Plain, pieces'], rows: [[10, 'r0', 5000, 10_000]] });
});
