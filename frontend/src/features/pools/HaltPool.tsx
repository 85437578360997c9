import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button, toast } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { Dialog } from '@/components/ui/Dialog';
import { type Pool, useMay, useWrite } from '@/lib/api';

const ORDERS = 'Open orders stay, with what is held for them; no round clears them here, and new ones are refused with your reason.';
const RUNS = 'What was won is still delivered. What runs goes on slot by slot, at the mean price of its hour, where limits and balances allow it: if members are to pay nothing, tell them in time, so that they let go.';
/** It has no safe state. */
const ENDS = 'What was won is still delivered, and ends with its slot.';
const RESUME = 'The next round clears its open orders, and new ones are taken again.';

/** For an admin, on the pool's page. What is recallable is halted by itself or with its pool, and then resumes with it. */
export function HaltPool({ pool, all }: { pool: Pool; all: Pool[] | undefined }) {
  // What was asked, not what could be asked now: somebody else may do it meanwhile, and the click must not undo that.
  const [asking, setAsking] = useState<'halt' | 'resume' | null>(null);
  const may = useMay('admin:write');
  const write = useWrite<{ reason?: string }, unknown>(['/pools']);
  if (!may) return null;
  const halted = pool.halted !== null;
  const whole = all?.find((p) => p.slug === pool.recallable_of);
  const withWhole = halted && whole?.halted ? whole.slug : null;
  const can = withWhole !== null ? null : halted ? 'resume' : 'halt';
  const part = all?.find((p) => p.recallable_of === pool.slug);
  const resumes = asking === 'resume';
  const close = () => setAsking(null);
  const run = (reason: string) => asking && write.mutate({ path: `/pools/${encodeURIComponent(pool.slug)}/${asking}`, body: resumes ? {} : { reason } }, {
    onSuccess: () => { toast({ tone: 'ok', title: resumes ? `${pool.slug} trades again` : `${pool.slug} is halted` }); close(); },
    // The question stays, with the reason that was typed.
    onError: (p) => toast({ tone: 'bad', title: p.unsure ? 'Not known whether it was done' : resumes ? 'Not resumed' : 'Not halted', detail: p.said }),
  });
  const text = resumes ? <>Halted because of: {pool.halted?.reason}. {RESUME}</> : <>{[ORDERS, pool.recallable_of ? ENDS : RUNS, ...(part ? [`${part.slug} is halted with it.`] : [])].map((line) => <span key={line} className="mt-1" style={{ display: 'block' }}>{line}</span>)}</>;
  const already = withWhole !== null ? `${pool.slug} is halted with ${withWhole}` : halted ? `${pool.slug} is halted already` : `${pool.slug} trades again already`;
  return (
    <>
      {withWhole !== null ? <Link className="btn" to="/pools/$slug" params={{ slug: withWhole }}>Halted with {withWhole}</Link>
        : <Button kind={halted ? 'primary' : 'danger'} icon={halted ? undefined : 'pause'} onClick={() => setAsking(can)}>{halted ? 'Resume…' : 'Halt…'}</Button>}
      {asking && (asking === can || write.isPending) && <Decide open onClose={close} title={`${resumes ? 'Resume' : 'Halt'} ${pool.slug}?`} text={text} action={resumes ? 'Resume the pool' : 'Halt the pool'} keep={resumes ? 'Leave it halted' : 'Let it trade'} danger={!resumes} reason={!resumes} busy={write.isPending} onConfirm={run} />}
      {asking && asking !== can && !write.isPending && (
        <Dialog open onClose={close} title={already} text={<>It has changed since you asked{pool.halted && <>: {pool.halted.reason}</>}. Nothing more is done here.</>}>
          <div className="row"><span className="sp" /><Button kind="primary" onClick={close}>Understood</Button></div>
        </Dialog>
      )}
    </>
  );
}
