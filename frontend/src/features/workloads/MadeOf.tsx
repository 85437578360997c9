import { type Instance, type List, type Module, useResource } from '@/lib/api';

/** A word as it would be typed: in quotes where it has blanks. */
const typed = (word: string) => (word === '' || /\s/.test(word) ? `"${word}"` : word);

/** The module or command that a workload runs, by its name, a command with its arguments. */
export function MadeOf({ instance }: { instance: Instance }) {
  const module = useResource<List<Module>>('/modules').data?.data.find((m) => m.id === instance.module);
  if (!module) return null;
  const command = module.kind === 'command';
  return (
    <>
      <dt>{command ? 'Command' : 'Module'}</dt>
      <dd>{[module.name, ...(instance.arguments ?? []).map(typed)].join(' ')}</dd>
    </>
  );
}
