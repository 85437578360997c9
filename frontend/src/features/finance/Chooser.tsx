import { Select } from '@/components/ui';
import { useParticipantNames } from '@/lib/api';

/** All participants, or the statement of one. */
export function Chooser({ value, onChange }: { value: string; onChange: (id: string | null) => void }) {
  const names = [...useParticipantNames()].sort((a, b) => a[1].localeCompare(b[1]));
  return <Select label="Participant" hideLabel className="w-[220px] max-w-full" value={value} onChange={(id) => onChange(id || null)} options={[{ value: '', label: 'All participants' }, ...names.map(([id, name]) => ({ value: id, label: name }))]} />;
}
