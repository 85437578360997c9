import { type Column, DataTable, When } from '@/components/ui';
import type { RunningPod } from '@/lib/api';
import { formatCount, shown } from '@/lib/money';
import { Act, type Rows } from './Act';
import { keyOfCandidate, MOST_LISTED, refusedText } from './adopt';

const cores = (milli: number | null | undefined) => (milli == null ? '–' : shown('cpu_milli', milli).toFixed(3));

/** Containers of the pods of a Kubernetes node, the busiest first. */
export function PodTable({ rows, readAt, cut, empty, adopted, onAdopt }: Rows<RunningPod>) {
  const since = (p: RunningPod) => new Date(readAt - p.running_seconds * 1000).toISOString();
  const columns: Column<RunningPod>[] = [
    { id: 'pod', head: 'Pod', rest: true, wraps: true, cell: (p) => <>{p.pod}{p.refused && !adopted(p) && <span className="block t2">{refusedText(p.refused)}</span>}</>, value: (p) => p.pod },
    { id: 'container', head: 'Container', extra: 'phone', cell: (p) => p.container, value: (p) => p.container },
    { id: 'owner', head: 'Owner', help: 'The Deployment, StatefulSet, Job or other object that it belongs to.', extra: true, cell: (p) => p.owner ?? '–', value: (p) => p.owner ?? '' },
    { id: 'now', head: 'CPU now, cores', help: 'Over the newest sample of the metrics API; a dash where nobody takes samples.', right: true, cell: (p) => <span className="m">{cores(p.cpu_milli)}</span>, value: (p) => p.cpu_milli ?? -1 },
    { id: 'request', head: 'Request, cores', right: true, extra: true, cell: (p) => cores(p.request_milli), value: (p) => p.request_milli ?? -1 },
    { id: 'limit', head: 'Limit, cores', help: 'In force, as its kubelet tells it.', right: true, extra: 'phone', cell: (p) => cores(p.limit_milli), value: (p) => p.limit_milli ?? -1 },
    { id: 'since', head: 'Runs since', extra: true, cell: (p) => <When at={since(p)} style="day" />, value: (p) => -p.running_seconds },
    { id: 'act', head: '', name: 'Workload', right: true, cell: (p) => <Act of={p} workload={adopted(p)} onAdopt={onAdopt} /> },
  ];
  return (
    <DataTable label="Pods" columns={columns} rows={rows} rowKey={keyOfCandidate} initialSort={{ id: 'now', desc: true }} empty={empty} muted={(p) => adopted(p) !== null || !!p.refused}
      more={{ cut, note: `Only ${formatCount(MOST_LISTED)} pods are listed.` }} />
  );
}
