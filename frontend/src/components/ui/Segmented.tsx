/** A few exclusive choices that act at once. */
export function Segmented<T extends string>({ label, value, options, disabled, onChange }: {
  label: string; value: T; options: readonly (T | { value: T; label: string })[]; disabled?: boolean; onChange: (value: T) => void;
}) {
  return (
    <span className="seg" role="group" aria-label={label}>
      {options.map((o) => {
        const item = typeof o === 'string' ? { value: o, label: o } : o;
        return (
          <button key={item.value} type="button" disabled={disabled} aria-pressed={item.value === value} onClick={() => onChange(item.value)}>{item.label}</button>
        );
      })}
    </span>
  );
}
