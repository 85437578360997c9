import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type ApiKey, useWrite } from '@/lib/api';
import { formatCount } from '@/lib/money';

/** `with`: the keys that end with it. */
export function RevokeKey({ apiKey, with: others }: { apiKey: ApiKey; with: ApiKey[] }) {
  const [asking, setAsking] = useState(false);
  const write = useWrite<undefined, ApiKey>(['/api_keys']);
  const run = () => write.mutate({ path: `/api_keys/${apiKey.id}`, method: 'DELETE' }, {
    onSuccess: () => toast({ tone: 'ok', title: `${apiKey.name} is revoked`, detail: 'What still uses it is refused from now on.' }),
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it is revoked' : 'Not revoked', detail: p.said }),
    onSettled: () => setAsking(false),
  });
  const also = others.length > 0 && ` So does what was made with it: ${formatCount(others.length)} ${others.length === 1 ? 'key' : 'keys'} (${others.map((k) => k.name).join(', ')}).`;
  return (
    <>
      <Button kind="danger" onClick={() => setAsking(true)}>Revoke…</Button>
      <Decide open={asking} onClose={() => setAsking(false)} title={`Revoke ${apiKey.name}?`} action="Revoke it" danger busy={write.isPending} onConfirm={run}
        text={<>Whatever uses it stops working at once, open event streams within two seconds.{also} Orders that it has placed stay. A revoked key can’t be brought back.</>} />
    </>
  );
}
