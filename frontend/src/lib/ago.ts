import { formatCount } from './money';

const counted = (n: number, one: string) => `${formatCount(n)} ${one}${n === 1 ? '' : 's'}`;
/** A span in words, as coarse as people say it. */
export function spanText(seconds: number): string {
  if (seconds < 120) return counted(seconds, 'second');
  const minutes = Math.floor(seconds / 60);
  return minutes < 120 ? counted(minutes, 'minute') : counted(Math.floor(minutes / 60), 'hour');
}
/** How long ago, in words. */
export const agoText = (seconds: number): string => (seconds < 5 ? 'just now' : `${spanText(seconds)} ago`);
