import type { ReactNode } from 'react';

export function KeyFigure({ value, label }: { value: ReactNode; label: ReactNode }) {
  return (
    <div>
      <div className="text-24 font-semibold tracking-[-.02em]">{value}</div>
      <div className="s11 t3">{label}</div>
    </div>
  );
}

/** A row of facts; the first says the most. */
export function Strip({ facts }: { facts: { label: string; value: ReactNode; note?: ReactNode }[] }) {
  return (
    <dl className="strip">
      {facts.map((f) => (
        <div key={f.label}>
          <dt className="lab">{f.label}</dt>
          <dd className="v">{f.value}{f.note && <> <small>{f.note}</small></>}</dd>
        </div>
      ))}
    </dl>
  );
}
