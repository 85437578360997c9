import { type ReactNode, useRef } from 'react';
import { NumberField, Segmented, Select } from '@/components/ui';
import { unitOf } from '@/lib/money';
import { useParam } from '@/lib/url';
import { amountOf, heldNeed, needOf, secondsOf } from './need';
import type { Need } from './rank';

const SHOWN = ['cpu_milli', 'mem_mib', 'gpu_milli', 'storage_gib', 'io_mbps', 'net_mbps'];

/** What I need, from the URL: a link carries it. */
export function useNeed(slotSeconds: number, openSlots: number): Need {
  const [amount] = useParam('need', '1');
  const [minutes] = useParam('min', '5');
  const [resource] = useParam('r', 'cpu_milli');
  const last = useRef<Need | null>(null);
  const need = heldNeed(needOf(resource, amount, minutes, slotSeconds, openSlots), last.current);
  if (need.amount !== null && need.slots !== null) last.current = { ...need, held: false };
  return need;
}

export const useTier = () => useParam('tier')[0];

/** `traded`: what any pool has. Another resource is offered only where a link asks for it: the page then says that nobody trades it. */
export function NeedBar({ actions, tiers, traded, openSeconds }: { actions: ReactNode; tiers: string[]; traded: string[]; openSeconds: number }) {
  const [tier, setTier] = useParam('tier');
  const [amount, setAmount] = useParam('need', '1');
  const [minutes, setMinutes] = useParam('min', '5');
  const [resource, setResource] = useParam('r', 'cpu_milli');
  return (
    <div className="row g12 wrap items-start">
      <span className="row g6 items-start">
        <span className="lab t2 nw leading-[30px]">Your need</span>
        <NumberField label="Amount" hideLabel className="w-[112px]" value={amount} onChange={setAmount} unit={unitOf(resource).many} error={amountOf(resource, amount).fault} />
        <NumberField label="Minutes" hideLabel className="w-[92px]" value={minutes} onChange={setMinutes} unit="min" step={5} error={secondsOf(minutes, openSeconds).fault} />
        <Select label="Tier" hideLabel value={tier} onChange={setTier} options={[{ value: '', label: 'Any tier' }, ...tiers.map((t) => ({ value: t, label: t.replaceAll('_', ' ') }))]} />
      </span>
      <span className="sp" />
      <Segmented label="Resource" value={resource} options={SHOWN.filter((r) => traded.includes(r) || r === resource).map((r) => ({ value: r, label: unitOf(r).label }))} onChange={setResource} />
      {actions}
    </div>
  );
}
