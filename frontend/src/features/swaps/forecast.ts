// What a move was expected to come to before it began, in a line.
import type { MoveForecast } from '@/lib/api';
import { formatBytes, formatCount, formatMoney, micro } from '@/lib/money';
import { shortTime } from './question';

const WHOSE = { program: 'of this program', driver: 'of its driver', market: 'of this market' };

export function forecastText(f: MoveForecast): string {
  const pause = f.pause_micros > 0 ? `a pause of ${shortTime(f.pause_micros)}` : 'no pause to measure';
  const numbers = `${pause}, ${formatBytes(f.bytes)}, ${formatMoney(micro(f.cost))} cr`;
  if (f.moves === 0) return `${numbers}; no earlier move says so`;
  const moves = f.moves === 1 ? 'one earlier move' : `${formatCount(f.moves)} earlier moves`;
  return `${numbers}; by ${moves} ${WHOSE[f.learned_from]}, ${f.failures === 0 ? 'none' : formatCount(f.failures)} of which failed`;
}
