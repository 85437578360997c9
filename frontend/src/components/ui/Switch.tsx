import * as Radix from '@radix-ui/react-switch';
import { useId } from 'react';

export function Switch({ label, on, onChange, disabled }: { label: string; on: boolean; onChange: (on: boolean) => void; disabled?: boolean }) {
  const id = useId();
  return (
    <span className="row g6 s12">
      <Radix.Root id={id} className="sw switch" checked={on} onCheckedChange={onChange} disabled={disabled} />
      <label htmlFor={id}>{label}</label>
    </span>
  );
}
