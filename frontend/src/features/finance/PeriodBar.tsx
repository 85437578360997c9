import { type FormEvent, useState } from 'react';
import { Button, Field, Segmented } from '@/components/ui';
import { useNow, zone } from '@/lib/time';
import { useParam, useSetParams } from '@/lib/url';
import { chosenOf, faultsOf, fieldOf, momentOf, type Period, periodOf, PRESETS, type Preset } from './period';

/** What the address says. */
export function usePeriod(): Period {
  const [from] = useParam('from');
  const [to] = useParam('to');
  return { from: from || undefined, to: to || undefined };
}

/** Which time the page is of: one of the usual ones, or from when to when. `shown`: what the data on the page is of. */
export function PeriodBar({ shown }: { shown: { from: string; to: string } | undefined }) {
  const z = zone.use();
  const now = useNow();
  const asked = usePeriod();
  const [span] = useParam('span');
  const set = useSetParams();
  const [typed, type] = useState<{ from: string; to: string } | null>(null);
  // What is open at its end moves along with now, but for what somebody is typing.
  const value = typed ?? { from: fieldOf(asked.from ?? shown?.from, z), to: fieldOf(asked.to ?? shown?.to, z) };
  const faults = typed ? faultsOf(typed.from, typed.to, z, now) : {};
  const choose = (preset: Preset) => {
    type(null);
    const { from, to } = periodOf(preset, now, z);
    set({ span: preset === '24 hours' ? undefined : preset, from, to });
  };
  const submit = (e: FormEvent) => {
    e.preventDefault();
    if (!typed || faults.from || faults.to) return;
    set({ span: undefined, from: momentOf(typed.from, z), to: momentOf(typed.to, z) });
    type(null);
  };
  const [where, other] = z === 'UTC' ? ['UTC', 'local time'] : ['local time', 'UTC'];
  return (
    <form className="row g8 wrap items-start" onSubmit={submit} aria-label="Period">
      <span className="[&>.seg]:flex-wrap [&>.seg]:h-auto"><Segmented label="Usual periods" value={chosenOf(span || undefined, asked) as Preset} options={PRESETS} onChange={choose} /></span>
      <Field label={`From, ${where}`} hideLabel type="datetime-local" unit="from" value={value.from} onChange={(from) => type({ ...value, from })} error={faults.from} title={`The beginning, in ${where}; the switch above shows ${other}`} />
      <Field label={`To, ${where}; not included`} hideLabel type="datetime-local" unit="to" value={value.to} onChange={(to) => type({ ...value, to })} error={faults.to} title={`The end, in ${where}, not included; empty is now`} />
      {typed && <Button type="submit" kind="primary" disabled={!!faults.from || !!faults.to}>Show it</Button>}
      {typed && <Button onClick={() => type(null)}>Leave it</Button>}
      <span className="s12 t3" style={{ lineHeight: '28px' }}>{where}{asked.to ? '' : ', up to now'}</span>
    </form>
  );
}
