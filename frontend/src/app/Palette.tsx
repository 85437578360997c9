// ⌘K: pages and pools by name. A combobox over a listbox: the focus stays in the field.
import { useNavigate } from '@tanstack/react-router';
import { useId, useMemo, useState } from 'react';
import { Dialog } from '@/components/ui/Dialog';
import { Icon, type IconName } from '@/components/ui/Icon';
import { may, type List, type Pool, useMe, useResource } from '@/lib/api';
import { ROUTES } from './routes';

interface Entry { id: string; text: string; icon: IconName; hint?: string; run: () => void }

export default function Palette({ onClose, onHelp }: { onClose: () => void; onHelp: () => void }) {
  const me = useMe();
  const navigate = useNavigate();
  const pools = useResource<List<Pool>>('/pools').data;
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const listId = useId();
  const entries = useMemo(() => {
    const go = (to: string) => () => { onClose(); void navigate({ to }); };
    const all: Entry[] = [
      ...ROUTES.filter((r) => r.nav && may(me, r.scope)).map((r) => ({ id: r.path, text: `Go to ${r.title}`, icon: r.nav?.icon ?? 'right', hint: `g ${r.nav?.key}`, run: go(r.path) })),
      ...(pools?.data ?? []).map((p): Entry => ({ id: p.slug, text: `${may(me, 'orders:write') ? 'Trade in' : 'Look at'} ${p.slug}, ${p.pop}`, icon: 'trade', run: go(`/pools/${p.slug}`) })),
      { id: 'help', text: 'Help, shortcuts', icon: 'info', hint: '?', run: onHelp },
    ];
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    return all.filter((e) => words.every((w) => e.text.toLowerCase().includes(w))).slice(0, 9);
  }, [text, pools, me, navigate, onClose, onHelp]);
  const active = entries[Math.min(at, entries.length - 1)];
  const onKey = (e: React.KeyboardEvent) => {
    if (e.key === 'ArrowDown' || e.key === 'ArrowUp') {
      e.preventDefault();
      setAt((n) => (n + (e.key === 'ArrowDown' ? 1 : entries.length - 1)) % Math.max(1, entries.length));
    }
    if (e.key === 'Enter') active?.run();
  };
  return (
    <Dialog open onClose={onClose} title="Search or jump to" bare>
      <span className="inp mb-2"><Icon name="search" size={14} />
        <input role="combobox" aria-expanded="true" aria-controls={listId} aria-activedescendant={active && `${listId}-${active.id}`} aria-label="Search or jump to"
          placeholder="A page or a pool" value={text} onChange={(e) => { setText(e.target.value); setAt(0); }} onKeyDown={onKey} />
      </span>
      <ul className="pal" role="listbox" id={listId} aria-label="Results">
        {entries.map((e) => (
          <li key={e.id} id={`${listId}-${e.id}`} role="option" aria-selected={e === active} onClick={e.run} onMouseEnter={() => setAt(entries.indexOf(e))}>
            <Icon name={e.icon} />{e.text}<span className="sp" />{e.hint && <span className="kbd">{e.hint}</span>}
          </li>
        ))}
      </ul>
      {entries.length === 0 && <p className="t3 s12">Nothing is called “{text}”.</p>}
    </Dialog>
  );
}
