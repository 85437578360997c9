import type { ButtonHTMLAttributes, ReactNode } from 'react';
import { Icon, type IconName } from './Icon';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  /** One primary a view: it is what this page is for. */
  kind?: 'primary' | 'quiet' | 'danger';
  size?: 'sm' | 'lg';
  icon?: IconName;
  kbd?: string;
  busy?: boolean;
  children?: ReactNode;
}
const KIND = { primary: 'p', quiet: 'q', danger: 'd' } as const;

export function Button({ kind, size, icon, kbd, busy, children, className = '', disabled, ...rest }: Props) {
  return (
    <button type="button" {...rest} disabled={disabled || busy} aria-busy={busy || undefined}
      className={`btn ${kind ? KIND[kind] : ''} ${size ?? ''} ${className}`}>
      {icon && <Icon name={icon} size={size === 'sm' ? 12 : 14} />}
      {children}
      {kbd && <span className="kbd" aria-hidden="true" style={{ background: 'none', borderColor: 'currentColor', color: 'inherit' }}>{kbd}</span>}
    </button>
  );
}
