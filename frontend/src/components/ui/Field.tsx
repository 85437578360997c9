import { type InputHTMLAttributes, type ReactNode, useId } from 'react';
import { Icon } from './Icon';

interface Base { label: string; help?: ReactNode; error?: string; unit?: ReactNode; hideLabel?: boolean; className?: string }
interface Props extends Base, Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange' | 'className'> { value: string; onChange: (value: string) => void }

export function Frame({ id, label, help, error, hideLabel, className = '', children }: Base & { id: string; children: ReactNode }) {
  return (
    <div className={`fld ${className}`}>
      <label htmlFor={id} className={hideLabel ? 'sr-only' : ''}>{label}</label>
      {children}
      {error
        ? <span id={`${id}-help`} className="help bad row g4"><Icon name="cross" size={11} />{error}</span>
        : help && <span id={`${id}-help`} className="help">{help}</span>}
    </div>
  );
}

export function Field({ label, help, error, unit, hideLabel, className, value, onChange, ...rest }: Props) {
  const id = useId();
  return (
    <Frame {...{ id, label, help, error, hideLabel, className }}>
      <span className={`inp ${error ? 'err' : ''}`}>
        <input id={id} value={value} onChange={(e) => onChange(e.target.value)} aria-invalid={!!error || undefined}
          aria-describedby={error || help ? `${id}-help` : undefined} autoComplete="off" {...rest} />
        {unit && <span className="u">{unit}</span>}
      </span>
    </Frame>
  );
}

/** Digits and one point; ↑ and ↓ step, with Shift by ten steps. */
export function NumberField({ step = 1, value, onChange, ...rest }: Props & { step?: number }) {
  const bump = (by: number) => onChange(String(Math.max(0, Math.round((Number(value) || 0) / step + by) * step)));
  return (
    <Field {...rest} value={value} inputMode="decimal" onChange={(v) => /^[\d,]*\.?\d*$/.test(v) && onChange(v)}
      onKeyDown={(e) => {
        const by = e.key === 'ArrowUp' ? 1 : e.key === 'ArrowDown' ? -1 : 0;
        if (by) { e.preventDefault(); bump(by * (e.shiftKey ? 10 : 1)); }
      }} />
  );
}

export function Select({ label, help, error, hideLabel, className, value, onChange, options }: Base & {
  value: string; onChange: (value: string) => void; options: { value: string; label: string }[];
}) {
  const id = useId();
  return (
    <Frame {...{ id, label, help, error, hideLabel, className }}>
      <span className="inp">
        <select id={id} value={value} onChange={(e) => onChange(e.target.value)}>
          {options.map((o) => <option key={o.value} value={o.value}>{o.label}</option>)}
        </select>
        <span className="t3"><Icon name="down" size={12} /></span>
      </span>
    </Frame>
  );
}
