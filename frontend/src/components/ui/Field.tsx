import { type InputHTMLAttributes, type ReactNode, useId } from 'react';
import { Icon } from './Icon';

interface Base { label: string; help?: ReactNode; error?: string; unit?: ReactNode; hideLabel?: boolean; className?: string }
export interface FieldProps extends Base, Omit<InputHTMLAttributes<HTMLInputElement>, 'onChange' | 'className'> { value: string; onChange: (value: string) => void }

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

export function Field({ label, help, error, unit, hideLabel, className, value, onChange, ...rest }: FieldProps) {
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
