import { formatCount } from '@/lib/money';
import { waitText } from './useWaiting';

/** Beside a page's name: how much waits there for the reader's word. On the narrow rail it stands at the icon. */
export function Waits({ count, path }: { count: number | undefined; path?: string }) {
  return count ? <span className="n hot"><span aria-hidden="true">{formatCount(count)}</span><span className="sr-only">, {waitText(count, path)}</span></span> : null;
}
