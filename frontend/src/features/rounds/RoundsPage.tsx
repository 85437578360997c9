import { Link } from '@tanstack/react-router';
import { type Column, DataTable, Page, Panel, State, Welfare, When } from '@/components/ui';
import { roundsText, type Round, useMe, useNewest } from '@/lib/api';
import { formatCount } from '@/lib/money';
import { gapText, type Proof, proofOf } from './proof';
import { ProofBadge } from './ProofBadge';

const columns: Column<Round>[] = [
  { id: 'number', head: 'Round', cell: (r) => <Link to="/rounds/$number" params={{ number: String(r.number) }}>{formatCount(r.number)}</Link>, value: (r) => r.number },
  { id: 'sealed', extra: 'phone', head: 'Sealed', cell: (r) => <span className="t3"><When at={r.sealed_at} /></span>, value: (r) => r.sealed_at },
  { id: 'state', extra: 'phone', head: 'State', cell: (r) => <State of={r.state} />, value: (r) => r.state },
  { id: 'orders', head: 'Orders', right: true, cell: (r) => formatCount(r.orders), value: (r) => r.orders },
  { id: 'awards', head: 'Awards', right: true, cell: (r) => formatCount(r.awards), value: (r) => r.awards },
  { id: 'welfare', extra: 'phone', head: 'Welfare, cr', help: 'What the winners were ready to pay, less what it cost those who gave.', right: true, cell: (r) => (r.certificate ? <Welfare value={r.certificate.welfare} /> : '–'), value: (r) => r.certificate?.welfare },
  { id: 'gap', head: 'Left open', help: 'How much more welfare is not ruled out, as a share of the most that is possible. Whole units and printed prices always leave a little.', right: true, extra: true, cell: (r) => (r.certificate ? gapText(proofOf(r.certificate)) : '–'), value: (r) => (r.certificate ? proofOf(r.certificate).gap : null) },
  { id: 'proof', head: 'Check', cell: (r) => <ProofBadge of={r.certificate} />, value: (r) => { const p = proofOf(r.certificate); return p.best ? 'best' : p.checked ? 'checked' : ''; } },
];

function Answer({ rounds }: { rounds: Round[] }) {
  const proofs = rounds.filter((r) => r.certificate).map((r) => proofOf(r.certificate));
  const empty = rounds.filter((r) => r.state === 'void').length;
  if (proofs.length === 0) return <>No round has cleared yet{empty > 0 && <>; <b>{empty === 1 ? '1 is' : `${formatCount(empty)} are`} void</b>, nothing was charged</>}.</>;
  const checked = proofs.filter((p) => p.checked);
  const open = checked.filter((p) => !p.best);
  const worst = open.reduce<Proof | undefined>((w, p) => (w === undefined || !(p.gap <= w.gap) ? p : w), undefined);
  return (
    <>
      <b>{checked.length} of {proofs.length}</b> cleared rounds shown passed the independent check: nobody paid over a limit. {worst
        ? <><b>{checked.length - open.length}</b> are proved best possible; of the others up to <b>{gapText(worst)}</b> more welfare is not ruled out.</>
        : checked.length > 0 && <>All of these are proved best possible under the rules.</>}
    </>
  );
}

export default function RoundsPage() {
  const of = useNewest<Round>('/rounds');
  const market = useMe()?.market;
  return (
    <Page title="Rounds" of={of} answer={(d) => <Answer rounds={d.rows} />} empty={(d) => d.rows.length === 0 && { fact: 'No round has been held yet.', hint: `${roundsText(market)}; without one there is nothing to clear.` }}>
      {(d) => <Panel><DataTable label="Rounds" columns={columns} rows={d.rows} rowKey={(r) => String(r.number)} csvName="rounds" initialSort={{ id: 'number', desc: true }} more={{ cut: d.cut, older: of.older, busy: of.busy }} /></Panel>}
    </Page>
  );
}
