import { Link } from '@tanstack/react-router';
import { Panel, When } from '@/components/ui';
import type { Swap } from '@/lib/api';
import { formatBundle, formatBytes, formatDuration } from '@/lib/money';

export function FactsPanel({ swap }: { swap: Swap }) {
  return (
    <Panel title="What it does">
      <dl className="kv pad">
        <dt>Workload</dt><dd><Link to="/workloads" search={{ workload: swap.instance } as never}>{swap.instance_name ?? swap.instance.slice(-8)}</Link></dd>
        <dt>Resources</dt><dd>{formatBundle(swap.resources)}</dd>
        <dt>Method</dt><dd>{swap.method}</dd>
        <dt>Bytes moved</dt><dd>{swap.bytes ? formatBytes(swap.bytes) : 'none'}</dd>
        <dt>Pause</dt><dd>{swap.downtime_micros === null ? 'not yet' : formatDuration(swap.downtime_micros / 1e6)}</dd>
        <dt>Begun</dt><dd><When at={swap.created_at} /></dd>
        {swap.deadline && <><dt>Deadline</dt><dd><When at={swap.deadline} /></dd></>}
        {swap.reason && <><dt>Reason</dt><dd>{swap.reason.replaceAll('_', ' ')}</dd></>}
      </dl>
    </Panel>
  );
}
