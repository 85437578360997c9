import { Button, Note, Panel } from '@/components/ui';
import { CopyText } from '@/components/ui/CopyText';
import type { NewApiKey } from '@/lib/api';
import { curlOf } from './key';

/** The server keeps a hash of a secret alone, so nobody can ever be shown it again. */
export function NewSecret({ made, onDone }: { made: NewApiKey; onDone: () => void }) {
  return (
    <Panel title={`Secret of ${made.name}`}>
      <div className="pad col g12" role="status">
        <Note tone="warn">This is the only time that it is shown. Put it where your program finds it, and into no repository. If it is lost, revoke the key and make another one.</Note>
        <CopyText label="Secret" name="the secret" text={made.secret} />
        <CopyText label="Try it: the answer says whose key it is and what it may do" name="the command" text={curlOf(window.location.origin, made.secret)} rows={3} />
        <div><Button kind="primary" onClick={onDone}>I have kept it</Button></div>
      </div>
    </Panel>
  );
}
