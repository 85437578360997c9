import { Select } from '@/components/ui';
import { type List, type Module, useResource } from '@/lib/api';
import { formatBytes } from '@/lib/money';

interface Props { file: File | null; onFile: (file: File | null) => void; id: string; onId: (id: string) => void }

/** A module that is already here, or a file to upload: at most 256 KiB, checked by the server. */
export function ModuleField({ file, onFile, id, onId }: Props) {
  const modules = useResource<List<Module>>('/modules').data?.data ?? [];
  const options = [{ value: '', label: file ? file.name : 'Choose one' }, ...modules.map((m) => ({ value: m.id, label: m.size_bytes > 0 ? `${m.name}, ${formatBytes(m.size_bytes)}` : `${m.name}, built in` }))];
  return (
    <div className="row g8 items-end">
      <Select label="Module" className="sp" value={id} onChange={(next) => { onId(next); onFile(null); }} options={options} />
      <label className="btn">
        Upload .wasm
        <input type="file" accept=".wasm,application/wasm" className="sr-only" onChange={(e) => { onFile(e.target.files?.[0] ?? null); onId(''); }} />
      </label>
    </div>
  );
}
