import { useNow } from '@/lib/time';
import { Button } from './Button';
import { Icon, type IconName } from './Icon';
import { dismiss, type Toast, toasts } from './toast';

const ICON: Record<Toast['tone'], IconName> = { ok: 'check', warn: 'warn', bad: 'cross' };

function Item({ toast }: { toast: Toast }) {
  const left = Math.max(1, Math.ceil(toast.seconds - (useNow() - toast.at) / 1000));
  return (
    <li className="toast">
      <span className={toast.tone}><Icon name={ICON[toast.tone]} /></span>
      <div className="sp">
        <b className="m">{toast.title}</b>
        {toast.detail && <div className="t3 s11">{toast.detail}</div>}
      </div>
      {toast.action && (
        <Button size="sm" icon="undo" onClick={() => { toast.action?.run(); dismiss(toast.id); }}>
          {toast.action.label} <span aria-hidden="true">{left} s</span>
        </Button>
      )}
      <button type="button" className="linkish t3" aria-label="Dismiss" onClick={() => dismiss(toast.id)}><Icon name="cross" size={12} /></button>
    </li>
  );
}

/** Polite: a toast never interrupts what a screen reader is saying. */
export function Toaster() {
  const list = toasts.use();
  return <div role="status" aria-live="polite"><ol className="toasts">{list.map((t) => <Item key={t.id} toast={t} />)}</ol></div>;
}
