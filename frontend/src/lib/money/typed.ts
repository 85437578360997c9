// Numbers as people type them. What can be read in two ways is refused and said so, never guessed:
// "1,5" is not 15, "-3" is not 3, and "1e3" is neither 13 nor 1000.
import { asMicro, type Micro, parseDecimal } from './amount';
import { unitOf } from './units';

/** Either the value, or what is wrong with the text; neither for a field that is still empty. */
export interface Typed<T> { value: T | null; fault?: string }

const PLAIN = /^(\d+\.?\d*|\.\d+)$/;

/** What is wrong with the form of a number; undefined for a plain decimal, and for nothing at all. */
export function formFault(text: string): string | undefined {
  const t = text.trim();
  if (t === '' || PLAIN.test(t)) return undefined;
  const comma = /^(\d+),(\d+)$/.exec(t);
  // Three digits after the comma: it may be thousands as well as a fraction.
  if (comma?.[2]?.length === 3) return `Write ${comma[1]}${comma[2]} or ${comma[1]}.${comma[2]}, without a comma`;
  if (comma) return `Write ${comma[1]}.${comma[2]} with a point`;
  return /^[-\u2212+]/.test(t) ? 'Write it without a sign, like 1.5' : 'Only digits and one point, like 1.5';
}

/** A decimal of at most `scale` digits after the point, as an integer of that scale. */
export function readDecimal(text: string, scale: number): Typed<bigint> {
  const t = text.trim();
  const fault = formFault(t);
  if (fault || t === '') return { value: null, fault };
  const [whole, fraction = ''] = t.split('.');
  if (fraction.replace(/0+$/, '').length > scale) return { value: null, fault: `At most ${scale} digits after the point` };
  return { value: parseDecimal(`${whole || '0'}.${fraction || '0'}`, scale) };
}

export function readMicro(text: string): Typed<Micro> {
  const { value, fault } = readDecimal(text, 6);
  return { value: value === null ? null : asMicro(value), fault };
}

/** More digits than any quantity has: 1 MiB is 0.0009765625 GiB. */
const FINEST = 12;

/**
 * A quantity in display units, as base units. Digits finer than those are refused, not rounded away;
 * a unit of 1024 parts has no digits of its own, so what is no finer goes to the nearest part.
 */
export function readQuantity(resource: string, text: string): Typed<number> {
  const unit = unitOf(resource);
  const places = Math.floor(Math.log10(unit.per));
  const tooFine = places ? `At most ${places} digits after the point` : 'A whole number';
  const { value, fault } = readDecimal(text, FINEST);
  if (value === null) return { value, fault: formFault(text) ?? (fault && tooFine) };
  const one = 10n ** BigInt(FINEST);
  const parts = value * BigInt(unit.per);
  const base = (parts + one / 2n) / one;
  if (base === 0n && value > 0n) return { value: null, fault: `0, or at least ${Number((1 / unit.per).toFixed(4))} ${unit.many}` };
  if (parts % one !== 0n && value % 10n ** BigInt(FINEST - places) !== 0n) return { value: null, fault: tooFine };
  return base > BigInt(Number.MAX_SAFE_INTEGER) ? { value: null, fault: 'Too much' } : { value: Number(base) };
}

export function readWhole(text: string): Typed<number> {
  const { value, fault } = readDecimal(text, 0);
  if (fault || value === null) return { value: null, fault: formFault(text) ?? (fault && 'A whole number') };
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? { value: null, fault: 'Too much' } : { value: Number(value) };
}
