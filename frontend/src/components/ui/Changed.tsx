// Somebody else has changed what is being typed over: says so, and loses nothing.
import type { Problem } from '@/lib/api';
import { Button } from './Button';
import { Note } from './Note';

interface Props { what: string; stale: boolean; error: Problem | null; onKeep: () => void; onDrop: () => void }

/** Nothing where nobody has; any other refusal is shown by its own form. */
export function Changed({ what, stale, error, onKeep, onDrop }: Props) {
  const refused = error?.status === 412;
  if (!stale && !refused) return null;
  return (
    <div role="alert" className="col g8">
      <Note tone="warn">
        Somebody else has changed {what} meanwhile{refused && ', so this was not saved'}. What you typed is still here. {stale ? 'Load theirs to see both together, then save again.' : 'It has been read again: look at it, then save again.'}
      </Note>
      {stale && (
        <div className="row g8 wrap">
          <Button onClick={onKeep}>Load theirs, keep what I typed</Button>
          <Button onClick={onDrop}>Drop what I typed</Button>
        </div>
      )}
    </div>
  );
}
