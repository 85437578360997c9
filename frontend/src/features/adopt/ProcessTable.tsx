import { type Column, DataTable, When } from '@/components/ui';
import type { RunningProcess } from '@/lib/api';
import { formatCount, shown } from '@/lib/money';
import { keyOfCandidate, MOST_LISTED } from './adopt';
import { Act, type Rows } from './Act';

const cores = (milli: number) => shown('cpu_milli', milli).toFixed(3);
const gib = (mib: number) => shown('mem_mib', mib).toFixed(3);

/** Figures are of a process with all that it has started. */
export function ProcessTable({ rows, readAt, cut, empty, adopted, onAdopt }: Rows<RunningProcess>) {
  const since = (p: RunningProcess) => new Date(readAt - p.running_seconds * 1000).toISOString();
  const columns: Column<RunningProcess>[] = [
    { id: 'command', head: 'Command', rest: true, cell: (p) => <span title={p.command}>{p.command}</span>, value: (p) => p.command },
    { id: 'pid', head: 'Number', help: 'The kernel’s number of the process.', right: true, extra: 'phone', cell: (p) => p.pid, value: (p) => p.pid },
    { id: 'now', head: 'CPU now, cores', help: 'Over the half second before the list was read, with all that it has started.', right: true, cell: (p) => <span className="m">{cores(p.cpu_milli)}</span>, value: (p) => p.cpu_milli },
    { id: 'mean', head: 'Mean CPU, cores', help: 'Since it started, with all that it has started.', right: true, extra: 'phone', cell: (p) => cores(p.mean_cpu_milli), value: (p) => p.mean_cpu_milli },
    { id: 'memory', head: 'Memory, GiB', right: true, extra: 'phone', cell: (p) => gib(p.mem_mib), value: (p) => p.mem_mib },
    { id: 'started', head: 'Has started', help: 'Processes that it has started and that still run: they are adopted with it.', right: true, extra: true, cell: (p) => formatCount(p.descendants), value: (p) => p.descendants },
    { id: 'since', head: 'Runs since', extra: true, cell: (p) => <When at={since(p)} style="day" />, value: (p) => -p.running_seconds },
    { id: 'act', head: '', name: 'Workload', right: true, cell: (p) => <Act of={p} workload={adopted(p)} onAdopt={onAdopt} /> },
  ];
  return (
    <DataTable label="Processes" columns={columns} rows={rows} rowKey={keyOfCandidate} initialSort={{ id: 'now', desc: true }} empty={empty} muted={(p) => adopted(p) !== null}
      more={{ cut, note: `Only the ${formatCount(MOST_LISTED)} busiest processes are listed.` }} />
  );
}
