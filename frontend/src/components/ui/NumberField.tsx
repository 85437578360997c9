import { formFault } from '@/lib/money';
import { Field, type FieldProps } from './Field';

/** By one step, without the digits that floats add; never below 0. */
const stepped = (text: string, by: number) => String(Math.max(0, Number((Number(text || 0) + by).toFixed(9))));

/** Keeps what was typed: a text that is no plain number is marked, not changed. ↑ and ↓ step, with Shift by ten steps. */
export function NumberField({ step = 1, value, onChange, error, ...rest }: FieldProps & { step?: number }) {
  const fault = formFault(value);
  return (
    <Field {...rest} value={value} onChange={onChange} error={fault ?? error} inputMode="decimal"
      onKeyDown={(e) => {
        const by = e.key === 'ArrowUp' ? step : e.key === 'ArrowDown' ? -step : 0;
        if (!by) return;
        e.preventDefault();
        if (!fault) onChange(stepped(value, by * (e.shiftKey ? 10 : 1)));
      }} />
  );
}
