import { type Column, CopyId, DataTable, Page, PageLink, Panel, Segmented, Said, Short, When } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { type AuditEvent, type Instance, type List, MOST, useMay, useMe, useNewest, useResource } from '@/lib/api';
import { useParam } from '@/lib/url';
import { actionsOf, brief, called, fields, OWN_PARTS, ownerOf, PART_NAMES, PARTS, type Part, pageOf, said, thing, whose } from './audit';

type Names = ReadonlyMap<string, string>;
const columns = (names: Names, platform: boolean): Column<AuditEvent>[] => [
  { id: 'when', head: 'When', cell: (e) => <span className="t3"><When at={e.created_at} style="moment" /></span>, value: (e) => e.created_at },
  { id: 'who', head: 'Who', cell: (e) => <Short text={e.actor.name || e.actor.id} most="min(200px, 36vw)" />, value: (e) => e.actor.name || e.actor.id },
  { id: 'what', head: 'What', cell: (e) => said(e), value: (e) => e.action },
  { id: 'object', head: 'Of', extra: 'phone', cell: (e) => <span className="b"><Short text={called(e, names)} most="min(180px, 40vw)" title={[called(e, names), thing(e)].filter((t, i, all) => all.indexOf(t) === i).join(', ')} /></span>, value: (e) => called(e, names), csv: (e) => thing(e) },
  // Members see their own alone.
  ...(platform ? [{ id: 'whose', head: 'Whose', extra: 'phone' as const, cell: (e: AuditEvent) => <Short text={whose(e, names)} most="min(160px, 36vw)" />, value: (e: AuditEvent) => whose(e, names), csv: [{ head: 'Whose', of: (e: AuditEvent) => whose(e, names) }, { head: 'Participant', of: (e: AuditEvent) => ownerOf(e) ?? '' }] }] : []),
  { id: 'details', head: 'Asked for', extra: true, rest: true, cell: (e) => <span className="t2" title={brief(e)}><Said text={brief(e)} /></span>, value: brief, csv: [{ head: 'Asked for', of: brief }, { head: 'As it was sent', of: (e) => JSON.stringify(e.details) }] },
];

/** One change in whole. */
function Change({ event, names }: { event: AuditEvent; names: Names }) {
  const page = pageOf(event);
  const owner = ownerOf(event);
  return (
    <Panel title={said(event)} note={<When at={event.created_at} style="moment" />}>
      <dl className="kv pad">
        <dt>Who</dt><dd>{event.actor.name || 'unknown'} <CopyId id={event.actor.id} /></dd>
        <dt>Of</dt><dd>{page ? <PageLink to={page.to} search={page.search}>{called(event, names)}</PageLink> : called(event, names)}</dd>
        {whose(event, names) && <><dt>Whose</dt><dd>{whose(event, names)}{owner && <> <CopyId id={owner} label="participant" /></>}</dd></>}
        {fields(event).map(([name, value]) => <div key={name} style={{ display: 'contents' }}><dt>{name}</dt><dd className="said"><Said text={value} /></dd></div>)}
        <dt>Row of the journal</dt><dd>{event.sequence}</dd>
      </dl>
      <details className="pad">
        <summary className="s12">Details, as they were sent</summary>
        <pre className="id s11 t2" style={{ whiteSpace: 'pre-wrap', overflowWrap: 'anywhere' }}>{JSON.stringify(event.details, null, 2)}</pre>
      </details>
    </Panel>
  );
}

/** Who has changed what? */
export default function AuditPage() {
  const [part, setPart] = useParam('part', 'all');
  const [chosen, choose] = useParam('change');
  const me = useMe();
  const shown = (PARTS as readonly string[]).includes(part) ? (part as Part) : 'all';
  const of = useNewest<AuditEvent>('/audit_events', { action: actionsOf(shown) || undefined });
  const platform = me && !['bidder', 'tenant'].includes(me.role);
  const participants = useResource<List<{ id: string; name: string }>>('/participants').data?.data;
  const workloads = useResource<List<Instance>>(useMay('allocations:read') ? '/instances' : null, { limit: MOST }).data?.data;
  const names: Names = new Map([...(participants ?? []), ...(workloads ?? [])].map((p) => [p.id, p.name]));
  const parts = platform ? PARTS : OWN_PARTS;
  return (
    <Page title="Audit" of={of} answer={() => (platform ? 'Who has changed what, in the market and in what participants have in it. Orders are on their own pages.' : `Who of ${me?.participant.name ?? 'you'} has changed what. Orders are on their own page.`)}
      empty={(d) => d.rows.length === 0 && shown === 'all' && { fact: 'Nothing has been changed yet.', hint: 'Prices, pools, quotas, keys, workloads and projects: each change is told here, with who made it.' }}>
      {(d) => {
        const event = d.rows.find((e) => e.id === chosen);
        return (
          <div className={event ? 'split wide' : ''}>
            <Panel title="Changes" tools={<Segmented label="Changes of" value={shown} options={parts.map((value) => ({ value, label: PART_NAMES[value] }))} onChange={(next) => { choose(null); setPart(next); }} />}>
              {d.rows.length === 0
                ? <Empty fact="No such change." hint="Choose another part, or all." />
                : <DataTable label="Changes" columns={columns(names, !!platform)} rows={d.rows} rowKey={(e) => e.id} selected={event?.id} onSelect={(e) => choose(e.id)} initialSort={{ id: 'when', desc: true }} csvName="audit" more={{ cut: d.cut, older: of.older, busy: of.busy }} />}
            </Panel>
            {event && <Change event={event} names={names} />}
          </div>
        );
      }}
    </Page>
  );
}
