// ⌘K: pages, pools, and what one has or may see, by name, number or id. A combobox over a listbox: the focus stays in the field.
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { Dialog } from '@/components/ui/Dialog';
import { Icon } from '@/components/ui/Icon';
import { MOST } from '@/lib/api';
import { formatCount } from '@/lib/money';
import type { Find } from './finds';
import { useFinds } from './useFinds';

export default function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const navigate = useNavigate();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const listId = useId();
  const { finds, cut } = useFinds(text);
  const active = finds[Math.min(at, finds.length - 1)];
  const run = (find: Find) => {
    if (find.id === 'help') return onHelp();
    onClose();
    void navigate({ to: find.to, search: (find.search ?? {}) as never });
  };
  const onKey = (e: React.KeyboardEvent) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      setAt((n) => (n + (e.key === 'ArrowDown' ? 1 : finds.length - 1)) % Math.max(1, finds.length));
    }
    if (e.key === 'Enter' && active) run(active);
  };
  return (
    <Dialog open onClose={onClose} title="Search or jump to" bare>
      <span className="inp mb-2"><Icon name="search" size={14} />
        <input role="combobox" aria-expanded="true" aria-controls={listId} aria-activedescendant={active && `${listId}-${active.id}`} aria-label="Search or jump to"
          placeholder="A page, pool, workload, order, round number or id" value={text} onChange={(e) => { setText(e.target.value); setAt(0); }} onKeyDown={onKey} />
      </span>
      <ul className="pal" role="listbox" id={listId} aria-label="Results">
        {finds.map((e) => (
          <li key={e.id} id={`${listId}-${e.id}`} role="option" aria-selected={e === active} onClick={() => run(e)} onMouseEnter={() => setAt(finds.indexOf(e))}>
            <Icon name={e.icon} /><span className="trunc">{e.text}</span><span className="sp" />{e.hint && <span className="kbd">{e.hint}</span>}
          </li>
        ))}
      </ul>
      {finds.length === 0 && <p className="t3 s12">Nothing is called “{text}”{cut && ` among the newest ${formatCount(MOST)} orders and workloads; a whole id is found whatever its age`}.</p>}
    </Dialog>
  );
}
