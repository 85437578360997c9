// Loading, empty, error, no permission: the same on every page and in every panel.
import type { ReactNode } from 'react';
import type { Problem } from '@/lib/api';
import { useNow } from '@/lib/time';
import { Button } from './Button';
import { CopyId } from './CopyId';
import { Icon } from './Icon';

/** The shape of rows, visible from 200 ms on; after 5 s it says what it waits for. */
export function Skeleton({ rows = 5, since = 0 }: { rows?: number; since?: number }) {
  const slow = useNow() - since > 5000 && since > 0;
  return (
    <div className="pad col g12 sk-wait" role="status" aria-label="Loading">
      {Array.from({ length: rows }, (_, i) => (
        <div key={i} className="row g12"><span className="sk" style={{ width: 90 }} /><span className="sk" style={{ width: `${38 - (i % 3) * 6}%` }} /><span className="sp" /><span className="sk" style={{ width: 70 }} /></div>
      ))}
      {slow && <p className="s11 t3">Still waiting for the server. Nothing is lost by leaving this page.</p>}
    </div>
  );
}

export interface EmptyText { fact: ReactNode; hint?: ReactNode; action?: ReactNode }
export function Empty({ fact, hint, action }: EmptyText) {
  return (
    <div className="col g8 items-center px-4 py-10 text-center">
      <svg width="72" height="28" aria-hidden="true"><path d="M2 4h68" stroke="var(--accent)" strokeWidth="2" /><path d="M4 24h18v-6h20v-6h22" fill="none" stroke="var(--border-strong)" strokeDasharray="4 3" strokeWidth="1.5" /></svg>
      <b className="m">{fact}</b>
      {hint && <span className="s12 t3">{hint}</span>}
      {action}
    </div>
  );
}

export function Denied({ need }: { need?: string }) {
  return <Empty fact="Your role does not include this page." hint={need ?? 'Whoever operates this exchange gives roles: ask there.'} />;
}

export function Fault({ problem, onRetry }: { problem: Problem; onRetry: () => void }) {
  const { title, detail, status, code, hint, request_id: request } = problem.body;
  if (status === 403) return <Denied need={detail} />;
  return (
    <div className="pad col g6" role="alert">
      <div className="row g8"><span className="bad"><Icon name="warn" /></span><b className="m">{title}</b></div>
      {detail && <p className="s12 t2">{detail}</p>}
      {hint && <p className="s12 t2">{hint}</p>}
      <div className="s11 t3 row g6">{status > 0 && status} <span className="id">{code}</span> {request && <CopyId id={request} label="request id" />}</div>
      <div className="row g8"><Button onClick={onRetry}>Try again</Button></div>
    </div>
  );
}
