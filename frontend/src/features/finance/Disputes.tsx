// Disputes: a member's own, or all of them for finance, those that wait first.
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { Button, type Column, DataTable, Ledger, Panel, Short, toast, When } from '@/components/ui';
import { Decide } from '@/components/ui/Decide';
import { Dialog } from '@/components/ui/Dialog';
import { type Dispute, useMay, useNewest, useParticipantNames, useWrite } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { DecideDispute } from './DecideDispute';
import { standing } from './dispute';
import { Trace } from './Trace';

const waitsFirst = (a: Dispute, b: Dispute) => Number(b.state === 'open') - Number(a.state === 'open') || b.opened_at.localeCompare(a.opened_at);

/** `platform`: of every participant, to be decided on. */
export function Disputes({ platform = false }: { platform?: boolean }) {
  const of = useNewest<Dispute>('/disputes');
  const names = useParticipantNames();
  const writes = useMay('orders:write');
  const [deciding, decide] = useState<Dispute | null>(null);
  const [leaving, leave] = useState<Dispute | null>(null);
  const [looked, look] = useState<Dispute | null>(null);
  const write = useWrite<Record<string, never>, Dispute>(['/disputes']);
  const nameOf = (id: string) => names.get(id) ?? `…${id.slice(-6)}`;
  const withdraw = () => leaving && write.mutate({ path: `/disputes/${leaving.id}/withdraw`, body: {} }, {
    onSuccess: () => toast({ tone: 'ok', title: 'The dispute is taken back' }),
    onError: (problem) => toast({ tone: 'bad', title: 'Not taken back', detail: problem.said }),
    onSettled: () => leave(null),
  });
  const act = (d: Dispute) => {
    if (d.state !== 'open') return <span className="t3">{d.decided_at && <When at={d.decided_at} />}</span>;
    if (platform) return <Button kind="primary" onClick={() => decide(d)}>Decide…</Button>;
    return writes ? <Button onClick={() => leave(d)}>Take back…</Button> : null;
  };
  const columns: Column<Dispute>[] = [
    { id: 'opened', head: 'Opened', cell: (d) => <span className="t3"><When at={d.opened_at} style="day" /></span>, value: (d) => d.opened_at },
    ...(platform ? [{ id: 'who', head: 'Participant', cell: (d: Dispute) => <Short text={nameOf(d.participant)} />, value: (d: Dispute) => nameOf(d.participant) }] : []),
    { id: 'reason', head: 'What is wrong', cell: (d) => <Short text={d.reason} most="min(320px, 44vw)" />, value: (d) => d.reason },
    { id: 'slot', head: 'Slot', extra: true, cell: (d) => <When at={d.slot} style="day" />, value: (d) => d.slot },
    { id: 'round', head: 'Round', extra: true, right: true, cell: (d) => (d.round ? <Link to="/rounds/$number" params={{ number: String(d.round) }}>{formatCount(d.round)}</Link> : <span className="t3">none</span>), value: (d) => d.round },
    { id: 'swap', head: 'Done for the slot', extra: true, cell: (d) => (d.evidence.swaps.length === 0 ? <span className="t3">nothing</span> : <button type="button" className="linkish" onClick={() => look(d)}>{formatCount(d.evidence.swaps.length)} {d.evidence.swaps.length === 1 ? 'swap' : 'swaps'}</button>), value: (d) => d.evidence.swaps.join(' ') },
    { id: 'claimed', head: 'Claimed, cr', right: true, cell: (d) => <Ledger value={d.claimed} />, value: (d) => d.claimed },
    { id: 'state', head: 'Stands', extra: 'phone', cell: (d) => <span className={d.state === 'open' ? 'warn b' : ''}>{standing(d)}</span>, value: standing },
    { id: 'why', head: 'Why so', extra: true, cell: (d) => <Short text={d.decision ?? ''} most="min(260px, 40vw)" />, value: (d) => d.decision ?? '' },
    { id: 'act', head: platform ? 'Decided' : 'Ended', right: true, cell: act, value: (d) => d.decided_at ?? '' },
  ];
  if (!of.data) return null;
  const rows = [...of.data.rows].sort(waitsFirst);
  const waiting = rows.filter((d) => d.state === 'open').length;
  if (rows.length === 0 && !platform) return null;
  return (
    <Panel title="Disputes" note={rows.length === 0 ? undefined : waiting === 0 ? 'none waits' : `${formatCount(waiting)} ${waiting === 1 ? 'waits' : 'wait'} for a decision`}>
      {rows.length === 0
        ? <p className="pad s12 t3">Nobody has disputed a receipt. Members do so on their page Finance, up to seven days after a slot was settled.</p>
        : <DataTable label="Disputes" columns={columns} rows={rows} rowKey={(d) => d.id} csvName="disputes" more={{ cut: of.data.cut, older: of.older, busy: of.busy }} />}
      {deciding && <DecideDispute of={deciding} name={nameOf(deciding.participant)} onClose={() => decide(null)} />}
      {looked && <Dialog open wide onClose={() => look(null)} title="What was done for the slot" text={<>“{looked.reason}”</>}><Trace of={looked} /></Dialog>}
      {leaving && <Decide open onClose={() => leave(null)} title="Take the dispute back?" text="What was set aside for it is free again. The receipt may be disputed anew within its seven days." action="Take it back" busy={write.isPending} onConfirm={withdraw} />}
    </Panel>
  );
}
