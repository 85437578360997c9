import { type Column, DataTable, When } from '@/components/ui';
import type { RunningJob } from '@/lib/api';
import { formatCount, formatQuantity } from '@/lib/money';
import { Act, type Rows } from './Act';
import { keyOfCandidate, leftText, MOST_LISTED, refusedText } from './adopt';

/** Running jobs of a cluster, the newest first. A job has whole nodes. */
export function JobTable({ rows, readAt, cut, empty, adopted, onAdopt }: Rows<RunningJob>) {
  const since = (j: RunningJob) => new Date(readAt - j.running_seconds * 1000).toISOString();
  const columns: Column<RunningJob>[] = [
    { id: 'name', head: 'Job', rest: true, wraps: true, cell: (j) => <>{j.name}{j.refused && !adopted(j) && <span className="block t2">{refusedText(j.refused)}</span>}</>, value: (j) => j.name },
    { id: 'job', head: 'Number', help: 'The cluster’s number of the job.', right: true, extra: 'phone', cell: (j) => j.job, value: (j) => j.job },
    { id: 'user', head: 'User', extra: 'phone', cell: (j) => j.user, value: (j) => j.user },
    { id: 'partition', head: 'Partition', extra: true, cell: (j) => j.partition, value: (j) => j.partition },
    { id: 'nodes', head: 'Nodes', right: true, cell: (j) => <span className="m">{formatCount(j.nodes)}</span>, value: (j) => j.nodes },
    { id: 'node', head: 'One node', help: 'CPU of one of its nodes: the job grows and shrinks by so much.', right: true, extra: 'phone', cell: (j) => formatQuantity('cpu_milli', j.node_cpu_milli), value: (j) => j.node_cpu_milli },
    { id: 'since', head: 'Runs since', extra: true, cell: (j) => <When at={since(j)} style="day" />, value: (j) => -j.running_seconds },
    { id: 'left', head: 'Time limit', extra: 'phone', right: true, cell: (j) => leftText(j.left_seconds), value: (j) => j.left_seconds ?? Infinity },
    { id: 'act', head: '', name: 'Workload', right: true, cell: (j) => <Act of={j} workload={adopted(j)} onAdopt={onAdopt} /> },
  ];
  return (
    <DataTable label="Jobs" columns={columns} rows={rows} rowKey={keyOfCandidate} initialSort={{ id: 'job', desc: true }} empty={empty} muted={(j) => adopted(j) !== null || !!j.refused}
      more={{ cut, note: `Only ${formatCount(MOST_LISTED)} jobs are listed.` }} />
  );
}
