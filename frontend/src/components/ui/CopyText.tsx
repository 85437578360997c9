// A text that is taken away whole: a secret, a command. Shown in full at every width, because a browser may refuse to copy.
import { type CSSProperties, useId } from 'react';
import { Button } from './Button';
import { toast } from './toast';

/** `name`: what the toast says was copied; the text itself is not repeated there. */
export function CopyText({ label, name, text, rows = 2 }: { label: string; name: string; text: string; rows?: number }) {
  const id = useId();
  const refused = () => toast({ tone: 'warn', title: 'The browser refused to copy', detail: `Select ${name} and copy it yourself.` });
  const copy = () => (navigator.clipboard ? void navigator.clipboard.writeText(text).then(() => toast({ tone: 'ok', title: `Copied ${name}` }), refused) : refused());
  return (
    <div className="fld">
      <label htmlFor={id}>{label}</label>
      <textarea id={id} className="inp id" style={{ resize: 'none', width: '100%', wordBreak: 'break-all', fieldSizing: 'content' } as CSSProperties} rows={rows} readOnly spellCheck={false} value={text} onFocus={(e) => e.target.select()} />
      <div><Button size="sm" icon="copy" onClick={copy}>Copy {name}</Button></div>
    </div>
  );
}
