import { Select } from '@/components/ui';
import { type List, type Project, useResource } from '@/lib/api';
import { formatMoney, micro } from '@/lib/money';

/** Which project pays; nothing to choose where there is none. */
export function ProjectField({ value, onChange }: { value: string; onChange: (name: string) => void }) {
  const projects = useResource<List<Project>>('/projects', { limit: 500 }).data?.data ?? [];
  if (projects.length === 0) return null;
  const sorted = [...projects].sort((a, b) => a.name.localeCompare(b.name));
  const chosen = projects.find((p) => p.name === value);
  return (
    <Select label="Project" value={chosen ? value : ''} onChange={onChange} help={chosen && `${formatMoney(micro(chosen.left))} cr of ${formatMoney(micro(chosen.limit))} left`}
      options={[{ value: '', label: 'None: bounded by its own limit only' }, ...sorted.map((p) => ({ value: p.name, label: p.name }))]} />
  );
}
