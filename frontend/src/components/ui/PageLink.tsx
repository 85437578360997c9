import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useMay } from '@/lib/api';
import { scopeOfPage } from '@/lib/pages';

interface Props { to: string; params?: Record<string, string>; search?: Record<string, string>; className?: string; title?: string; children: ReactNode }

/** A link to a page that not every role has: who may not see it reads the text alone, instead of being led to a page that says so. */
export function PageLink(props: Props) {
  const scope = scopeOfPage(props.to);
  return scope ? <ForSome {...props} scope={scope} /> : <Plain {...props} />;
}

const Plain = ({ to, params, search, className, title, children }: Props) => <Link to={to as never} params={params as never} search={search as never} className={className} title={title}>{children}</Link>;

function ForSome({ scope, ...props }: Props & { scope: string }) {
  const { className, title, children } = props;
  return useMay(scope) ? <Plain {...props} /> : <span className={className?.replace(/\bunderline\b/, '').trim() || undefined} title={title}>{children}</span>;
}
