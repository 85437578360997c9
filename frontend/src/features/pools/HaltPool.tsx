import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { type Pool, useMay, useWrite } from '@/lib/api';

const ORDERS = 'Open orders stay, with what is held for them; no round clears them here, and new ones are refused with your reason.';
const RUNS = 'What was won is still delivered. What runs goes on slot by slot, at the mean price of its hour, where limits and balances allow it: if members are to pay nothing, tell them in time, so that they let go.';
/** It has no safe state. */
const ENDS = 'What was won is still delivered, and ends with its slot.';
const RESUME = 'The next round clears its open orders, and new ones are taken again.';

/** For an admin, on the pool's page. What is recallable is halted by itself or with its pool, and then resumes with it. */
export function HaltPool({ pool, all }: { pool: Pool; all: Pool[] | undefined }) {
  const [asking, setAsking] = useState(false);
  const may = useMay('admin:write');
  const write = useWrite<{ reason?: string }, unknown>(['/pools']);
  if (!may) return null;
  const halted = pool.halted !== null;
  const whole = all?.find((p) => p.slug === pool.recallable_of);
  if (halted && whole?.halted) return <Link className="btn" to="/pools/$slug" params={{ slug: whole.slug }}>Halted with {whole.slug}</Link>;
  const part = all?.find((p) => p.recallable_of === pool.slug);
  const run = (reason: string) => write.mutate({ path: `/pools/${encodeURIComponent(pool.slug)}/${halted ? 'resume' : 'halt'}`, body: halted ? {} : { reason } }, {
    onSuccess: () => { toast({ tone: 'ok', title: halted ? `${pool.slug} trades again` : `${pool.slug} is halted` }); setAsking(false); },
    // The question stays, with the reason that was typed.
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it was done' : halted ? 'Not resumed' : 'Not halted', detail: p.said }),
  });
  const text = halted ? <>Halted because of: {pool.halted?.reason}. {RESUME}</> : <>{[ORDERS, pool.recallable_of ? ENDS : RUNS, ...(part ? [`${part.slug} is halted with it.`] : [])].map((line) => <span key={line} className="mt-1" style={{ display: 'block' }}>{line}</span>)}</>;
  return (
    <>
      <Button kind={halted ? 'primary' : 'danger'} icon={halted ? undefined : 'pause'} onClick={() => setAsking(true)}>{halted ? 'Resume…' : 'Halt…'}</Button>
      {asking && <Decide open onClose={() => setAsking(false)} title={`${halted ? 'Resume' : 'Halt'} ${pool.slug}?`} text={text} action={halted ? 'Resume the pool' : 'Halt the pool'} keep={halted ? 'Leave it halted' : 'Let it trade'} danger={!halted} reason={!halted} busy={write.isPending} onConfirm={run} />}
    </>
  );
}
