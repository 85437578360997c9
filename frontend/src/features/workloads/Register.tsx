// Register a workload: what runs, where, what it must always have. One form, checked as it is typed.
import { type FormEvent, useState } from 'react';
import { Button, Field, Note, NumberField, Select, toast } from '@/components/ui';
import { Dialog } from '@/components/ui/Dialog';
import { Switch } from '@/components/ui/Switch';
import { asProblem, call, type Instance, type List, type Module, type Problem, usePools, useResource, useWrite } from '@/lib/api';
import { bodyOf, type Draft, faultsOf } from './register';
import { ModuleField } from './ModuleField';

const FIRST: Draft = { name: '', module: '', arguments: '', pool: '', baseCores: '1', baseGib: '0.125', floorCores: '0.5', floorGib: '0.0625', mostCores: '4', mostGib: '0.25', lends: true, least: '' };

const QUANTITIES = [
  { key: 'floorCores', label: 'Floor, CPU', unit: 'cores', pointer: '/floor' }, { key: 'floorGib', label: 'Floor, memory', unit: 'GiB', pointer: '/floor' },
  { key: 'baseCores', label: 'Baseline, CPU', unit: 'cores', pointer: '/baseline' }, { key: 'baseGib', label: 'Baseline, memory', unit: 'GiB', pointer: '/baseline' },
  { key: 'mostCores', label: 'Never more than, CPU', unit: 'cores', pointer: '/limit' }, { key: 'mostGib', label: 'Never more than, memory', unit: 'GiB', pointer: '/limit' },
] as const;

export function Register({ onClose }: { onClose: () => void }) {
  const [draft, setDraft] = useState(FIRST);
  const [file, setFile] = useState<File | null>(null);
  const modules = useResource<List<Module>>('/modules').data?.data ?? [];
  const command = file ? undefined : modules.find((m) => m.id === draft.module && m.kind === 'command')?.name;
  const pools = (usePools().data?.data ?? []).filter((p) => !p.recallable_of);
  const write = useWrite<unknown, Instance>(['/instances']);
  const set = (change: Partial<Draft>) => setDraft((d) => ({ ...d, ...change }));
  const faults = faultsOf({ ...draft, module: draft.module || file?.name || '' });
  const [upload, setUpload] = useState<{ busy: boolean; problem: Problem | null }>({ busy: false, problem: null });
  /** The id of the chosen module, uploaded first if it is a file; nothing if that failed. */
  const moduleId = async (): Promise<string | null> => {
    if (!file) return draft.module;
    setUpload({ busy: true, problem: null });
    try {
      const { data } = await call<{ id: string }>('POST', '/modules', { body: file, query: { name: file.name.replace(/\.wasm$/, '') } });
      setUpload({ busy: false, problem: null });
      return data.id;
    } catch (error) {
      setUpload({ busy: false, problem: asProblem(error) });
      return null;
    }
  };
  const submit = async (e: FormEvent) => {
    e.preventDefault();
    if (Object.values(faults).some(Boolean)) return;
    const module = await moduleId();
    if (module === null) return;
    try {
      const made = await write.mutateAsync({ path: '/instances', body: bodyOf({ ...draft, module, pool: draft.pool || (pools[0]?.slug ?? '') }, command), keyed: true });
      toast({ tone: 'ok', title: `${made.name} is registered` });
      onClose();
    } catch {
      // A refused workload is shown beside its fields.
    }
  };
  const server = write.error;
  // Said beside the button: an empty form full of red would scold before anything was done.
  const missing = [faults.name && 'a name', faults.module && 'a module'].filter(Boolean);
  return (
    <Dialog open onClose={onClose} title="Register a workload" wide text="The floor is what it always keeps. What lies between floor and baseline may be lent; more than the baseline is bought.">
      <form className="col g12" onSubmit={(e) => void submit(e)}>
        <div className="halves">
          <Field label="Name" value={draft.name} onChange={(name) => set({ name })} error={server?.field('/name')} required />
          <Select label="Pool" value={draft.pool || (pools[0]?.slug ?? '')} onChange={(pool) => set({ pool })} options={pools.map((p) => ({ value: p.slug, label: p.slug }))} error={server?.field('/pool')} />
          <ModuleField modules={modules} file={file} onFile={setFile} id={draft.module} onId={(module) => set({ module })} />
          {command !== undefined && <Field label="Arguments" value={draft.arguments} onChange={(words) => set({ arguments: words })} error={server?.field('/command')} help={`What ${command} is started with, apart by blanks; "in quotes" with blanks in it`} />}
        </div>
        <div className="halves">
          {QUANTITIES.map(({ key, label, unit, pointer }) => <NumberField key={key} label={label} unit={unit} value={draft[key]} onChange={(text) => set({ [key]: text })} error={faults[key] ?? server?.field(pointer)} />)}
        </div>
        <div className="halves">
          <Switch label="Lend what it will not need" on={draft.lends} onChange={(lends) => set({ lends })} />
          <NumberField label="Take at least, CPU" unit="cr/core" value={draft.least} onChange={(least) => set({ least })} error={faults.least ?? server?.field('/strategy')} disabled={!draft.lends} help="A slot. Empty is the pool’s reserve price. CPU that its forecast leaves over is offered, never below the floor; its strategy says more, and is changed at any time." />
        </div>
        {upload.problem && <div role="alert"><Note tone="bad">The module was not taken: {upload.problem.said}</Note></div>}
        {server && <div role="alert"><Note tone="bad">{server.said}</Note></div>}
        <div className="row g8">{missing.length > 0 && <span className="help">Still needed: {missing.join(' and ')}</span>}<span className="sp" /><Button onClick={onClose}>Cancel</Button><Button type="submit" kind="primary" busy={write.isPending || upload.busy} disabled={Object.values(faults).some(Boolean)}>Register</Button></div>
      </form>
    </Dialog>
  );
}
