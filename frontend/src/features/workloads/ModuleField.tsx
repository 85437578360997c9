import { useId } from 'react';
import { Frame } from '@/components/ui';

interface Props { file: File | null; onFile: (file: File | null) => void; id: string; onId: (id: string) => void }

/** A file to upload, or the id of a module that is already here. */
export function ModuleField({ file, onFile, id, onId }: Props) {
  const field = useId();
  return (
    <Frame id={field} label="Module" help={file ? `${file.name}, checked by the server on upload` : 'A .wasm file, or the id of an uploaded module'}>
      <span className="inp">
        <input id={field} placeholder="mod_…" value={id} onChange={(e) => onId(e.target.value)} disabled={file !== null} />
        <label className="linkish s11"><input type="file" accept=".wasm,application/wasm" className="sr-only" onChange={(e) => onFile(e.target.files?.[0] ?? null)} />Choose file</label>
      </span>
    </Frame>
  );
}
