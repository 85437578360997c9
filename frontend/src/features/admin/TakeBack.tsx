import { Button, Note } from '@/components/ui';
import type { ReservePrice } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { moment } from '@/lib/time';
import { draftOf, say, type StepDraft, takenBack } from './schedule';

interface Props { history: ReservePrice[]; resource: string; now: number; fill: (steps: StepDraft[], from: string) => void }

/** Schedules that are set and have not begun: how each is taken back, and the form filled in for that. */
export function TakeBack({ history, resource, now, fill }: Props) {
  return (
    <>
      {takenBack(history, resource, now).map(({ of, before, from }) => (
        <Note key={of.id} tone="acc">
          Scheduled for slots from {moment(of.effective_at, 'UTC')} UTC on: <b>{say(resource, of.steps)}</b> cr a {unitOf(resource).one}. To take it back, set what is in force before it ({say(resource, before.steps)}) for the same moment: of two for one moment the one that is set last counts.
          <span className="block mt-1"><Button size="sm" icon="undo" onClick={() => fill(draftOf(resource, before.steps), from)}>Fill in what takes it back</Button></span>
        </Note>
      ))}
    </>
  );
}
