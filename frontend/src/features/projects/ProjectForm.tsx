import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, Panel, toast } from '@/components/ui';
import { type Project, useWrite } from '@/lib/api';
import { asMicro, formatMoney, micro, trimmed } from '@/lib/money';
import { DeleteProject } from './DeleteProject';
import { check, sendable, used, wireLimit } from './project';

/** A new project, or another limit for the one that is selected. */
export function ProjectForm({ project, names, onDone }: { project?: Project; names: string[]; onDone: (name: string | null) => void }) {
  const [draft, setDraft] = useState({ name: project?.name ?? '', limit: project ? trimmed(project.limit) : '' });
  const write = useWrite<{ limit: string }, Project>(['/projects']);
  const faults = check(draft, project ? [] : names, project ? used(project) : asMicro(0n));
  const good = sendable(draft, faults);
  const save = (e: FormEvent) => {
    e.preventDefault();
    if (!good) return;
    write.mutate({ path: `/projects/${encodeURIComponent(draft.name)}`, method: 'PUT', body: { limit: wireLimit(draft.limit) } }, {
      onSuccess: (now) => { toast({ tone: 'ok', title: `Project ${now.name} may spend ${formatMoney(micro(now.limit))} cr` }); onDone(now.name); },
    });
  };
  const problem = write.error;
  return (
    <Panel title={project ? `Project ${project.name}` : 'New project'}>
      <form className="pad col g12" onSubmit={save} aria-label="Project">
        {!project && <Field label="Name" value={draft.name} onChange={(name) => setDraft((d) => ({ ...d, name }))} error={faults.name ?? problem?.field('name')} help="Bids name it; letters, digits, “-”, “_” and “.”" />}
        <NumberField label="Limit" unit="cr" value={draft.limit} onChange={(limit) => setDraft((d) => ({ ...d, limit }))} error={faults.limit ?? problem?.field('/limit')} />
        {problem && <div role="alert"><Note tone="bad">{problem.said}</Note></div>}
        <div className="row g8 wrap">
          <Button type="submit" kind="primary" disabled={!good || wireLimit(draft.limit) === project?.limit} busy={write.isPending}>{project ? 'Set limit' : 'Make project'}</Button>
          {project && <DeleteProject project={project} onDeleted={() => onDone(null)} />}
        </div>
        <p className="help">The most that its bids may cost together, until you change it: it does not begin anew each day or month. What is not delivered is credited and can be spent again; what you sell on is income and cannot.</p>
      </form>
    </Panel>
  );
}
