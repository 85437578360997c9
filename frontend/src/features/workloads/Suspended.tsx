// A workload that stands still, written to disk: since when, and what it takes for it to go on.
import { Note } from '@/components/ui';
import type { Instance } from '@/lib/api';
import { formatBundle } from '@/lib/money';
import { clock, zone } from '@/lib/time';
import { missing } from './suspended';

export function Suspended({ instance }: { instance: Instance }) {
  const z = zone.use();
  if (!instance.suspended) return null;
  const { since, needs } = instance.suspended;
  return (
    <Note tone="warn">
      <b>Suspended</b> ({clock(since, z)}): what it had won ended while its program held more than its baseline, so it was written to disk and stands still.
      It goes on where it was as soon as it has {formatBundle(needs)}: bid for at least {formatBundle(missing(instance))} on top of its baseline, all or nothing. Its inputs wait meanwhile.
      Stopped and started it begins anew.
    </Note>
  );
}
