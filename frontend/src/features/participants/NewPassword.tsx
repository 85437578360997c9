import { Button, Note, Panel } from '@/components/ui';
import { CopyText } from '@/components/ui/CopyText';
import type { Made } from './UserForm';

/** It belongs to the page: a look at another participant does not take it away. */
export function NewPassword({ made, onDone }: { made: Made; onDone: () => void }) {
  return (
    <Panel title="Initial password">
      <div className="pad col g12" role="status">
        <Note tone="warn">The password is shown this once. Hand it over on a way that only its owner reads.</Note>
        <CopyText label={`For ${made.email}`} name="the password" text={made.password} rows={1} />
        <div><Button onClick={onDone}>I have handed it over</Button></div>
      </div>
    </Panel>
  );
}
