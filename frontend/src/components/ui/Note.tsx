import type { ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

const ICON: Record<string, IconName> = { ok: 'check', warn: 'warn', bad: 'cross', acc: 'info' };
export function Note({ tone, children }: { tone: 'ok' | 'warn' | 'bad' | 'acc'; children: ReactNode }) {
  return <div className={`note ${tone}`}><Icon name={ICON[tone] ?? 'info'} size={14} /><span>{children}</span></div>;
}
