import { type ReactNode, useId } from 'react';

interface Props { title?: ReactNode; note?: ReactNode; tools?: ReactNode; footer?: ReactNode; pad?: boolean; className?: string; children: ReactNode }

/** A bordered part of a page, named by its heading. */
export function Panel({ title, note, tools, footer, pad, className = '', children }: Props) {
  const id = useId();
  return (
    <section className={`panel ${className}`} aria-labelledby={title ? id : undefined}>
      {title && (
        <header>
          <h2 id={id} title={typeof title === 'string' ? title : undefined}>{title}</h2>
          {note && <span className="s11 t3 trunc">{note}</span>}
          <span className="sp" />
          {tools}
        </header>
      )}
      {pad ? <div className="pad">{children}</div> : children}
      {footer && <footer>{footer}</footer>}
    </section>
  );
}
