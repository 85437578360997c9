import { Select } from '@/components/ui';
import type { Module } from '@/lib/api';
import { formatBytes } from '@/lib/money';

interface Props { modules: Module[]; file: File | null; onFile: (file: File | null) => void; id: string; onId: (id: string) => void }

const whatItIs = (m: Module) => m.kind === 'command' || m.kind === 'service' ? (m.available === false ? `${m.kind}, not there now` : m.kind) : m.size_bytes > 0 ? formatBytes(m.size_bytes) : 'built in';

/** A module or command that is already here, or a file to upload: at most 256 KiB, checked by the server. */
export function ModuleField({ modules, file, onFile, id, onId }: Props) {
  const options = [{ value: '', label: file ? file.name : 'Choose one' }, ...modules.map((m) => ({ value: m.id, label: `${m.name}, ${whatItIs(m)}` }))];
  return (
    <div className="row g8 items-end">
      <Select label={modules.some((m) => m.kind === 'command') ? 'Module or command' : 'Module'} className="sp" value={id} onChange={(next) => { onId(next); onFile(null); }} options={options} />
      <label className="btn">
        Upload .wasm
        <input type="file" accept=".wasm,application/wasm" className="sr-only" onChange={(e) => { onFile(e.target.files?.[0] ?? null); onId(''); }} />
      </label>
    </div>
  );
}
