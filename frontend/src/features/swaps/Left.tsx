import { useNow } from '@/lib/time';
import { isUrgent, leftText } from './question';

/** Counts down to the moment from which on an answer helps no more. */
export function Left({ by }: { by: string }) {
  const now = useNow();
  return <span className={`m nw ${isUrgent(by, now) ? 'bad b' : ''}`} role="timer">{leftText(by, now)}</span>;
}
