import { Note, PageLink } from '@/components/ui';
import { useMay } from '@/lib/api';
import type { Fields } from './draftOrder';

/** In the place of a list without an entry: what is missing, and where it is made. */
export function NoWorkload({ pool, side }: { pool: string; side: Fields['side'] }) {
  const mayRegister = useMay('workloads:write');
  return (
    <Note tone="acc">
      No workload of yours belongs to {pool}, so there is none that {side === 'offer' ? 'could lend' : 'could grow'} here. {mayRegister
        ? <><PageLink className="underline" to="/workloads">Register a workload</PageLink> first.</>
        : <>Members with the role tenant register workloads; those there are stand under <PageLink className="underline" to="/workloads">Workloads</PageLink>.</>}
    </Note>
  );
}
