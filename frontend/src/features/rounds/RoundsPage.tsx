import { Link } from '@tanstack/react-router';
import { Badge, type Column, DataTable, Page, Panel, State, Welfare, When } from '@/components/ui';
import { type List, type Round, useResource } from '@/lib/api';
import { formatCount } from '@/lib/money';

const columns: Column<Round>[] = [
  { id: 'number', head: 'Round', cell: (r) => <Link to="/rounds/$number" params={{ number: String(r.number) }}>{formatCount(r.number)}</Link>, value: (r) => r.number },
  { id: 'sealed', head: 'Sealed', cell: (r) => <span className="t3"><When at={r.sealed_at} /></span>, value: (r) => r.sealed_at },
  { id: 'state', head: 'State', cell: (r) => <State of={r.state} />, value: (r) => r.state },
  { id: 'orders', head: 'Orders', right: true, cell: (r) => formatCount(r.orders), value: (r) => r.orders },
  { id: 'awards', head: 'Awards', right: true, cell: (r) => formatCount(r.awards), value: (r) => r.awards },
  { id: 'welfare', head: 'Welfare, cr', help: 'What the winners were ready to pay, less what it cost those who gave.', right: true, cell: (r) => (r.certificate ? <Welfare value={r.certificate.welfare} /> : '–'), value: (r) => r.certificate?.welfare },
  { id: 'quality', head: 'Quality', extra: true, cell: (r) => r.certificate?.quality ?? '–', value: (r) => r.certificate?.quality },
  { id: 'proof', head: 'Proof', cell: (r) => (r.certificate?.verified ? <Badge tone="ok" icon="check">Proved</Badge> : <Badge tone="line" icon="clock">Not yet</Badge>), value: (r) => r.certificate?.verified },
];

export default function RoundsPage() {
  const of = useResource<List<Round>>('/rounds', { limit: 200 });
  return (
    <Page title="Rounds" of={of} answer={(d) => {
      const cleared = d.data.filter((r) => r.certificate);
      const proved = cleared.filter((r) => r.certificate?.verified).length;
      const empty = d.data.filter((r) => r.state === 'void').length;
      if (cleared.length === 0) return <>No round has cleared yet{empty > 0 && <>; <b>{empty} are void</b>, nothing was charged</>}.</>;
      return <><b>{proved} of {cleared.length}</b> cleared rounds shown are proved: nobody paid over a limit and no better outcome exists under the rules.</>;
    }} empty={(d) => d.data.length === 0 && { fact: 'No round has closed yet.', hint: 'The first gate closes within seconds of the start.' }}>
      {(d) => <Panel><DataTable label="Rounds" columns={columns} rows={d.data} rowKey={(r) => String(r.number)} csvName="rounds" initialSort={{ id: 'number', desc: true }} /></Panel>}
    </Page>
  );
}
