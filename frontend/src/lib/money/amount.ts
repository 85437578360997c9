// Money is micro-credits, a price nano-credits per base unit and slot, both as branded bigint:
// they cannot be mixed up, and no sum goes through a float.

export type Micro = bigint & { readonly __micro: unique symbol };
export type Nano = bigint & { readonly __nano: unique symbol };

/**
 * Reads a decimal string of the wire, with at most `scale` digits after the point; anything else is a
 * fault. A comma is never skipped: what one reader takes for thousands is another's decimal point.
 */
export function parseDecimal(text: string, scale: number): bigint {
  const m = /^(-)?(\d+)(?:\.(\d+))?$/.exec(text);
  if (!m) throw new RangeError(`not a decimal: ${text}`);
  const [, minus, whole = '0', fraction = ''] = m;
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale))) throw new RangeError(`more than ${scale} digits: ${text}`);
  const value = BigInt(whole) * 10n ** BigInt(scale) + BigInt(fraction.slice(0, scale).padEnd(scale, '0') || '0');
  return minus ? -value : value;
}
export const micro = (text: string) => parseDecimal(text, 6) as Micro;
export const nano = (text: string) => parseDecimal(text, 9) as Nano;
export const asMicro = (value: bigint) => value as Micro;
export const asNano = (value: bigint) => value as Nano;

/** Exact fractions (`p/q`, or a decimal of any length) as the clearing writes them, rounded to a micro-credit for display. */
export function nearestMicro(text: string): Micro {
  const [p = '0', q] = text.trim().split('/');
  if (q !== undefined) return divRound(BigInt(p) * 1_000_000n, BigInt(q)) as Micro;
  const digits = p.split('.')[1]?.length ?? 0;
  return digits <= 6 ? micro(p) : (divRound(parseDecimal(p, digits), 10n ** BigInt(digits - 6)) as Micro);
}

/** The wire form, with all digits of the scale. */
export function decimal(value: bigint, scale: 6 | 9): string {
  const digits = (value < 0n ? -value : value).toString().padStart(scale + 1, '0');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

/** The same without zeros that say nothing, for a field: "1.500000" → "1.5". */
export const trimmed = (text: string) => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);

/** π·q: nano per unit × units → micro, rounded half away from zero, for display only. */
export function cost(price: Nano, quantity: number, slots = 1): Micro {
  return divRound(price * BigInt(Math.round(quantity)) * BigInt(slots), 1000n) as Micro;
}

export function divRound(value: bigint, by: bigint): bigint {
  const half = by / 2n;
  return value >= 0n ? (value + half) / by : -((-value + half) / by);
}

/** A number for a chart's axis. Charts may lose digits, sums may not. */
export const toNumber = (value: bigint, scale: number) => Number(value) / 10 ** scale;
