import { type ReactNode, useState } from 'react';
import type { Resource } from '@/lib/api';
import { useLive } from '@/lib/live';
import { serverNow } from '@/lib/time';
import { Empty, type EmptyText, Fault, Skeleton } from './states';

interface Props<T> {
  of: Resource<T>;
  rows?: number;
  empty?: (data: T) => EmptyText | null | false;
  /** Where 404 is an answer (nothing has happened yet) and not a fault. */
  missing?: EmptyText;
  children: (data: T) => ReactNode;
}

/** Shows a resource in whichever state it is. Old data stays, grey, and says that it is old. */
export function ResourceView<T>({ of, rows, empty, missing, children }: Props<T>) {
  const [since] = useState(serverNow);
  const { status } = useLive();
  if (missing && (of.problem?.status === 404 || of.problem?.status === 400)) return <Empty {...missing} />;
  if (of.data === undefined) {
    return of.problem ? <Fault problem={of.problem} onRetry={of.retry} /> : <Skeleton rows={rows} since={since} />;
  }
  const nothing = empty?.(of.data);
  if (nothing) return <Empty {...nothing} />;
  const old = of.stale || status === 'stale';
  return <div className={old ? 'stale-data contents' : 'contents'}>{children(of.data)}</div>;
}
