import * as Radix from '@radix-ui/react-tabs';
import type { ReactNode } from 'react';

interface Tab { id: string; label: string; count?: number | string; body: ReactNode }

export function Tabs({ label, tabs, value, onChange, tools }: { label: string; tabs: Tab[]; value?: string; onChange?: (id: string) => void; tools?: ReactNode }) {
  return (
    <Radix.Root {...(value === undefined ? { defaultValue: tabs[0]?.id } : { value })} onValueChange={onChange}>
      <div className="row wrap border-b border-border pr-3">
        <Radix.List className="tabs sp" style={{ borderBottom: 0 }} aria-label={label}>
          {tabs.map((t) => (
            <Radix.Trigger key={t.id} value={t.id}>{t.label} {t.count !== undefined && <span className="cnt">{t.count}</span>}</Radix.Trigger>
          ))}
        </Radix.List>
        {/* Under the tabs where both have no room. */}
        {tools && <span className="tail py-1">{tools}</span>}
      </div>
      {tabs.map((t) => <Radix.Content key={t.id} value={t.id} tabIndex={-1}>{t.body}</Radix.Content>)}
    </Radix.Root>
  );
}
