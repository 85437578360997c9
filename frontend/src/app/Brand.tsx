import { Link } from '@tanstack/react-router';

export const Logo = () => (
  <svg width="20" height="20" viewBox="0 0 20 20" aria-hidden="true">
    <path d="M2.5 2.5h15" stroke="var(--accent)" strokeWidth="2" strokeLinecap="round" />
    <g fill="var(--text)"><rect x="2.5" y="12" width="3.5" height="6" rx="1" /><rect x="8.25" y="9" width="3.5" height="9" rx="1" /><rect x="14" y="6" width="3.5" height="12" rx="1" /></g>
  </svg>
);

export const Brand = () => <Link to="/" className="brand" style={{ color: 'var(--text)' }}><Logo /><span>Headroom</span></Link>;
