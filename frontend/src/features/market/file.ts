// The market's table as a file: its columns in its units, each with its unit in the head.
import { tierText } from '@/lib/api';
import { type Cell, csv } from '@/lib/csv';
import { exactPrice, formatExact, shown, unitOf } from '@/lib/money';
import type { Row } from './rank';

const to = (value: number | null, places: number): Cell => (value === null ? null : Number(value.toFixed(places)));
const marks = (r: Row, best: boolean) => [best && 'best fit', r.pool.recallable_of && 'recallable', r.pool.halted && 'halted', r.asked !== null && 'not traded: at the reserve price'].filter(Boolean).join(', ');

export function fileOf(rows: Row[], resource: string): string {
  const { one, many } = unitOf(resource);
  const price = `cr/${one}·slot`;
  // Of two prices there is no range; the page draws none either.
  const range = (r: Row, value: number) => (r.history.length > 2 && r.price !== null ? to(value, 9) : null);
  const columns: [head: string, of: (r: Row) => Cell][] = [
    ['Pool', (r) => r.pool.slug], ['Marks', (r) => marks(r, r === rows[0] && r.fits)], ['Place', (r) => r.pool.pop], ['Tier', (r) => tierText(r.pool.tier)],
    [`Mean price of the slots of your need, ${price}`, (r) => (r.raw === null ? null : exactPrice(resource, r.raw))],
    ['Change in 1 h, %', (r) => to(r.hour, 1)],
    [`Usual range from, ${price}`, (r) => range(r, r.p5)], [`Usual range middle, ${price}`, (r) => range(r, r.p50)], [`Usual range to, ${price}`, (r) => range(r, r.p95)],
    ['Swing per slot, %', (r) => to(r.volatility, 1)],
    [`Price of the newest slot to the next one, ${price}`, (r) => to(r.history.at(-1) ?? null, 9)],
    ['Taken, %', (r) => to(r.used * 100, 0)], [`Free, ${many}`, (r) => shown(resource, r.free)],
    ['Your need, cr', (r) => (r.cost === null ? null : formatExact(r.cost))],
    ['Room for your need', (r) => (r.fits ? 'yes' : 'no')],
  ];
  return csv(columns.map(([head]) => head), rows.map((r) => columns.map(([, of]) => of(r))));
}
