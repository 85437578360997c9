import { type Column, DataTable, When } from '@/components/ui';
import type { RunningVm } from '@/lib/api';
import { formatCount, shown } from '@/lib/money';
import { Act, type Rows } from './Act';
import { keyOfCandidate, MOST_LISTED, refusedText } from './adopt';

const cores = (milli: number) => shown('cpu_milli', milli).toFixed(3);
const gib = (mib: number) => shown('mem_mib', mib).toFixed(3);
const runText = (v: RunningVm) => (v.status === '' ? '–' : `${v.status}, ${v.is_kvm ? 'by KVM' : 'emulated'}`);

/** Virtual machines of a host, the busiest first. CPU is that of its process. */
export function VmTable({ rows, readAt, cut, empty, adopted, onAdopt }: Rows<RunningVm>) {
  const since = (v: RunningVm) => new Date(readAt - v.running_seconds * 1000).toISOString();
  const columns: Column<RunningVm>[] = [
    { id: 'vm', head: 'Machine', rest: true, wraps: true, cell: (v) => <>{v.vm}{v.refused && !adopted(v) && <span className="block t2">{refusedText(v.refused)}</span>}</>, value: (v) => v.vm },
    { id: 'state', head: 'State', extra: 'phone', cell: runText, value: runText },
    { id: 'vcpus', head: 'vCPUs', right: true, extra: 'phone', cell: (v) => v.vcpus || '–', value: (v) => v.vcpus },
    { id: 'now', head: 'CPU now, cores', help: 'Of its process, over the half second before the list was read.', right: true, cell: (v) => <span className="m">{cores(v.cpu_milli)}</span>, value: (v) => v.cpu_milli },
    { id: 'mean', head: 'Mean CPU, cores', help: 'Of its process, since it started.', right: true, extra: 'phone', cell: (v) => cores(v.mean_cpu_milli), value: (v) => v.mean_cpu_milli },
    { id: 'memory', head: 'Memory, GiB', help: 'What the machine has; it is measured, not limited.', right: true, extra: true, cell: (v) => gib(v.memory_mib), value: (v) => v.memory_mib },
    { id: 'since', head: 'Runs since', extra: true, cell: (v) => <When at={since(v)} style="day" />, value: (v) => -v.running_seconds },
    { id: 'act', head: '', name: 'Workload', right: true, cell: (v) => <Act of={v} workload={adopted(v)} onAdopt={onAdopt} /> },
  ];
  return (
    <DataTable label="Virtual machines" columns={columns} rows={rows} rowKey={keyOfCandidate} initialSort={{ id: 'now', desc: true }} empty={empty} muted={(v) => adopted(v) !== null || !!v.refused}
      more={{ cut, note: `Only ${formatCount(MOST_LISTED)} virtual machines are listed.` }} />
  );
}
