import { Button, type Column, DataTable, PageLink, When } from '@/components/ui';
import type { RunningProcess } from '@/lib/api';
import { formatCount, shown } from '@/lib/money';
import { MOST_LISTED, programOf } from './adopt';

const cores = (milli: number) => shown('cpu_milli', milli).toFixed(3);
const gib = (mib: number) => shown('mem_mib', mib).toFixed(3);

/** The workload that a process is already, and what to call it. */
export interface Adopted { id: string; name: string }
interface Props { rows: RunningProcess[]; /** When they were read, as the server counts. */ readAt: number; cut: boolean; empty: string; adopted: (p: RunningProcess) => Adopted | null; onAdopt: (p: RunningProcess) => void }

/** Figures are of a process with all that it has started. */
export function ProcessTable({ rows, readAt, cut, empty, adopted, onAdopt }: Props) {
  const since = (p: RunningProcess) => new Date(readAt - p.running_seconds * 1000).toISOString();
  const act = (p: RunningProcess) => {
    const workload = adopted(p);
    if (workload) return <PageLink className="underline" to="/workloads" search={{ workload: workload.id }}>{workload.name}</PageLink>;
    return <Button size="sm" aria-label={`Adopt ${programOf(p.command)}, process ${p.pid}`} onClick={() => onAdopt(p)}>Adopt…</Button>;
  };
  const columns: Column<RunningProcess>[] = [
    { id: 'command', head: 'Command', rest: true, cell: (p) => <span title={p.command}>{p.command}</span>, value: (p) => p.command },
    { id: 'pid', head: 'Number', help: 'The kernel’s number of the process.', right: true, extra: 'phone', cell: (p) => p.pid, value: (p) => p.pid },
    { id: 'now', head: 'CPU now, cores', help: 'Over the half second before the list was read, with all that it has started.', right: true, cell: (p) => <span className="m">{cores(p.cpu_milli)}</span>, value: (p) => p.cpu_milli },
    { id: 'mean', head: 'Mean CPU, cores', help: 'Since it started, with all that it has started.', right: true, extra: 'phone', cell: (p) => cores(p.mean_cpu_milli), value: (p) => p.mean_cpu_milli },
    { id: 'memory', head: 'Memory, GiB', right: true, extra: 'phone', cell: (p) => gib(p.mem_mib), value: (p) => p.mem_mib },
    { id: 'started', head: 'Has started', help: 'Processes that it has started and that still run: they are adopted with it.', right: true, extra: true, cell: (p) => formatCount(p.descendants), value: (p) => p.descendants },
    { id: 'since', head: 'Runs since', extra: true, cell: (p) => <When at={since(p)} style="day" />, value: (p) => -p.running_seconds },
    { id: 'act', head: '', name: 'Workload', right: true, cell: act },
  ];
  return (
    <DataTable label="Processes" columns={columns} rows={rows} rowKey={(p) => `${p.pid} ${p.command}`} initialSort={{ id: 'now', desc: true }} empty={empty} muted={(p) => adopted(p) !== null}
      more={{ cut, note: `Only the ${formatCount(MOST_LISTED)} busiest processes are listed.` }} />
  );
}
