// Numbers as people read them: tabular, thousands by comma, minus U+2212, a thin space before %.
import { divRound, type Micro, type Nano } from './amount';

const MINUS = '\u2212';
const THIN = '\u2009';

/** A fixed-point number split where its dimmed tail begins. */
export interface Split { head: string; tail: string }

function fixed(value: bigint, scale: number, places: number): string {
  const rounded = divRound(value, 10n ** BigInt(scale - places));
  const digits = (rounded < 0n ? -rounded : rounded).toString().padStart(places + 1, '0');
  const whole = digits.slice(0, digits.length - places).replace(/\B(?=(\d{3})+$)/g, ',');
  return `${rounded < 0n ? MINUS : ''}${whole}${places ? `.${digits.slice(-places)}` : ''}`;
}
const split = (text: string, dim: number): Split => ({ head: text.slice(0, text.length - dim), tail: text.slice(text.length - dim) });

/** Price: 4 places, the last 2 dimmed. */
export const priceParts = (value: Nano): Split => split(fixed(value, 9, 4), 2);
/** Ledger: 6 places, the last 4 dimmed. */
export const ledgerParts = (value: Micro): Split => split(fixed(value, 6, 6), 4);
export const formatPrice = (value: Nano) => fixed(value, 9, 4);
/** 2 places; a small amount gets 4 and a very small one all 6, or it would read as nothing. */
export function formatMoney(value: Micro): string {
  const size = value < 0n ? -value : value;
  return fixed(value, 6, size === 0n || size >= 100_000n ? 2 : size >= 1000n ? 4 : 6);
}
export const formatExact = (value: Micro) => fixed(value, 6, 6);
/** How to write amounts side by side: with all places where fewer would make two of them look the same. */
export const formatterFor = (values: readonly Micro[]) => (new Set(values.map(formatMoney)).size < new Set(values).size ? formatExact : formatMoney);
export const signed = (text: string) => (text.startsWith(MINUS) ? text : `+${text}`);

export function formatPercent(fraction: number, places = 0): string {
  return `${(fraction * 100).toFixed(places).replace('-', MINUS)}${THIN}%`;
}

export function formatBytes(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let i = 0;
  while (value >= 1024 && i < names.length - 1) { value /= 1024; i += 1; }
  return `${value >= 100 || i === 0 ? Math.round(value) : value.toFixed(1)} ${names[i]}`;
}

export function formatDuration(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 60) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min${Math.round(seconds % 60) ? ` ${Math.round(seconds % 60)} s` : ''}`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
