// Base units on the wire, display units on screen: this table is the only place that converts.
import { asNano, decimal, nano, type Nano, trimmed } from './amount';

export interface Unit { label: string; short: string; one: string; many: string; per: number }

const UNITS: Record<string, Unit> = {
  cpu_milli: { label: 'CPU', short: 'cores', one: 'core', many: 'cores', per: 1000 },
  mem_mib: { label: 'Memory', short: 'GiB', one: 'GiB', many: 'GiB', per: 1024 },
  gpu_milli: { label: 'GPU', short: 'devices', one: 'device', many: 'devices', per: 1000 },
  storage_gib: { label: 'Storage', short: 'GiB', one: 'GiB', many: 'GiB', per: 1 },
  io_mbps: { label: 'I/O', short: 'MB/s', one: 'MB/s', many: 'MB/s', per: 1 },
  net_mbps: { label: 'Network', short: 'Mbit/s', one: 'Mbit/s', many: 'Mbit/s', per: 1 },
};
/** The order in which resources are shown; unknown ones follow in theirs. */
export const RESOURCES = Object.keys(UNITS);

export const unitOf = (resource: string): Unit =>
  UNITS[resource] ?? { label: resource, short: resource, one: resource, many: resource, per: 1 };

const count = new Intl.NumberFormat('en-US', { maximumFractionDigits: 3 });
export const shown = (resource: string, base: number) => base / unitOf(resource).per;
export const toBase = (resource: string, display: number) => Math.round(display * unitOf(resource).per);
export const formatCount = (value: number) => count.format(value).replace('-', '\u2212');

export function formatQuantity(resource: string, base: number): string {
  const value = shown(resource, base);
  const unit = unitOf(resource);
  return `${formatCount(value)} ${value === 1 ? unit.one : unit.many}`;
}

const small = new Intl.NumberFormat('en-US', { maximumSignificantDigits: 2 });
/** For capacity and volume, where a thousandth of a core says nothing, unless it is all there is. */
export const roughCount = (value: number) => (value !== 0 && Math.abs(value) < 0.01 ? small.format(value).replace('-', '\u2212') : formatCount(Math.abs(value) >= 100 ? Math.round(value) : Math.round(value * 100) / 100));
export const formatRough = (resource: string, base: number) => `${roughCount(shown(resource, base))} ${unitOf(resource).many}`;

/** "64 cores + 256 GiB" */
export function formatBundle(resources: Record<string, number>, join = ' + '): string {
  const names = Object.keys(resources).sort((a, b) => RESOURCES.indexOf(a) - RESOURCES.indexOf(b));
  return names.map((r) => formatQuantity(r, resources[r] ?? 0)).join(join) || 'nothing';
}

/** "64 cores, 256 GiB", for a table's cell */
export function formatShort(resources: Record<string, number>): string {
  const names = Object.keys(resources).sort((a, b) => RESOURCES.indexOf(a) - RESOURCES.indexOf(b));
  return names.map((r) => `${formatCount(shown(r, resources[r] ?? 0))} ${shown(r, resources[r] ?? 0) === 1 ? unitOf(r).one : unitOf(r).short}`).join(', ');
}

/** Price per display unit: nano-credits per core, GiB or device and slot. */
export const unitPrice = (resource: string, price: string): Nano => asNano(nano(price) * BigInt(unitOf(resource).per));
/** The same with every digit, for a field: saving what was loaded changes nothing. */
export const exactPrice = (resource: string, price: string): string => trimmed(decimal(unitPrice(resource, price), 9));

const NAMED = new RegExp(`(?:(\\d+) )?\\b(${RESOURCES.join('|')})\\b`, 'g');
/** A sentence of the server with its amounts and resources as the pages write them: "200 cpu_milli" is "0.2 cores", "cpu_milli" alone "CPU". */
export const inUnits = (text: string): string => text.replace(NAMED, (_, amount: string | undefined, resource: string) => (amount === undefined ? unitOf(resource).label : formatQuantity(resource, Number(amount))));
