// Every page is this component: title, one sentence that answers the page's question, actions, and
// the five states of its data. A page only says what to show when the data is there.
import { type ReactNode, useEffect } from 'react';
import type { Resource } from '@/lib/api';
import { ResourceView } from './ResourceView';
import { StaleNote } from './StaleNote';
import type { EmptyText } from './states';
import { Panel } from './Panel';

interface Props<T> {
  title: string;
  crumb?: ReactNode;
  badge?: ReactNode;
  of: Resource<T>;
  answer?: (data: T) => ReactNode;
  actions?: ReactNode;
  /** Under the header, whatever state the data is in: how it is asked for. */
  bar?: ReactNode;
  empty?: (data: T) => EmptyText | null | false;
  /** What to say where the server knows no such thing; without it a 404 is shown as a fault. */
  missing?: EmptyText;
  children: (data: T) => ReactNode;
}

export function Page<T>({ title, crumb, badge, of, answer, actions, bar, empty, missing, children }: Props<T>) {
  useEffect(() => { document.title = `${title} · Headroom`; }, [title]);
  // An empty page has one thing to do, and the empty state offers it.
  const nothing = of.data !== undefined && !!empty?.(of.data);
  const bare = of.data === undefined || nothing;
  const body = <ResourceView of={of} empty={empty} missing={missing} rows={8}>{children}</ResourceView>;
  return (
    <>
      <div className="ph">
        {crumb && <span className="s12 t3 row g6">{crumb}<span aria-hidden="true">›</span></span>}
        <h1>{title}</h1>
        {badge}
        {answer && of.data !== undefined && !nothing && <p className="answer">{answer(of.data)}</p>}
        <span className="sp" />
        {!nothing && actions}
      </div>
      {bar}
      <StaleNote of={of} />
      {bare ? <Panel>{body}</Panel> : body}
    </>
  );
}
