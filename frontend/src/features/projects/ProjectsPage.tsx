import { Button, Page, Panel } from '@/components/ui';
import { type List, type Project, useMay, useResource } from '@/lib/api';
import { useParam } from '@/lib/url';
import { Answer } from './Answer';
import { ProjectForm } from './ProjectForm';
import { ProjectTable } from './ProjectTable';

/** How much may each of my projects still spend? */
export default function ProjectsPage() {
  const [chosen, choose] = useParam('project');
  const [making, make] = useParam('new');
  const of = useResource<List<Project>>('/projects', { limit: 500 });
  const all = of.data?.data ?? [];
  const mayChange = useMay('orders:write');
  const selected = all.find((p) => p.id === chosen);
  const done = (name: string | null) => { make(null); if (name === null) choose(null); };
  const add = mayChange && <Button kind="primary" icon="plus" onClick={() => { choose(null); make('1'); }}>New project</Button>;
  const form = mayChange && (selected ?? making);
  const panel = <ProjectForm key={selected ? `${selected.id} ${selected.limit}` : 'new'} project={selected} names={all.map((p) => p.name)} onDone={done} />;
  return (
    <Page title="Projects" of={of} actions={add} answer={() => <Answer projects={all} />}
      empty={() => all.length === 0 && !form && { fact: 'No projects yet.', hint: mayChange ? 'A project has a limit. Bids that name it never cost more than that together, however many win.' : 'Participants bound with them what their bids may cost together.', action: add }}>
      {() => (
        <div className={form ? 'split wide' : ''}>
          <Panel><ProjectTable rows={all} selected={selected?.id} onSelect={mayChange ? (p) => { make(null); choose(p.id); } : undefined} /></Panel>
          {form && panel}
        </div>
      )}
    </Page>
  );
}
