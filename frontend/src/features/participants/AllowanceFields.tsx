import { Field, NumberField, Select } from '@/components/ui';
import { CLASSES, type Problem } from '@/lib/api';
import { unitOf } from '@/lib/money';
import { type Allowed, faultOf, resourcesOf, textsOf, type Typed } from './allowance';

interface Props { now: Allowed; typed: Typed; problem: Problem | null; onChange: (typed: Typed) => void }

/** A quota of every resource, the number of workloads, and the highest class. */
export function AllowanceFields({ now, typed, problem, onChange }: Props) {
  const texts = textsOf(now, typed);
  const of = (field: string, pointer: string) => ({
    value: texts[field] ?? '', onChange: (text: string) => onChange({ ...typed, [field]: text }),
    error: (field in typed ? faultOf(field, typed[field] ?? '') : undefined) ?? problem?.field(pointer),
  });
  const classes = [...new Set([...CLASSES, now.highest_class])].map((value) => ({ value, label: value }));
  return (
    <>
      <div className="grid" style={{ gridTemplateColumns: 'repeat(2, minmax(0, 1fr))' }}>
        {resourcesOf(now).map((r) => <NumberField key={r} label={unitOf(r).label} unit={unitOf(r).many} {...of(r, `/quota/${r}`)} />)}
        <Field label="Workloads at once" inputMode="numeric" {...of('instance_limit', '/instance_limit')} />
        <Select label="Highest class" options={classes} {...of('highest_class', '/highest_class')} />
      </div>
      <p className="help">The baselines of its running workloads together are at most that. A higher class wins ties against everybody who has not got it.</p>
    </>
  );
}
