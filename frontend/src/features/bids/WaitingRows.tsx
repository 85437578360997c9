import { useState } from 'react';
import { Icon } from '@/components/ui';
import { type Instance, type List, useResource } from '@/lib/api';
import { OrderTable, type TableProps } from './OrderTable';
import { type Waiting, waitingText } from './waiting';

interface Props extends Omit<TableProps, 'group' | 'loaded' | 'by' | 'name'> { waiting: Waiting[] }

/** One calm row a workload; its orders are one click away. */
export function WaitingRows({ waiting, ...table }: Props) {
  const names = new Map((useResource<List<Instance>>(waiting.length > 0 ? '/instances' : null, { limit: 200 }).data?.data ?? []).map((i) => [i.id, i.name]));
  const [shown, show] = useState<ReadonlySet<string>>(new Set());
  const turn = (instance: string, open: boolean) => show((before) => new Set([...[...before].filter((i) => i !== instance), ...(open ? [instance] : [])]));
  return waiting.map(({ instance, rows }) => (
    <details key={instance} className="border-t border-border" onToggle={(e) => turn(instance, e.currentTarget.open)}>
      <summary className="px-3 py-2 s12 t2"><span className="row g6" style={{ display: 'inline-flex' }}><span className="t3"><Icon name="settings" size={12} /></span><span><b>{names.get(instance) ?? `…${instance.slice(-6)}`}</b>: {waitingText(rows)}</span></span></summary>
      {shown.has(instance) && <OrderTable {...table} group={{ rows, cut: false }} loaded={rows.length} by="all" name="automatic" />}
    </details>
  ));
}
