import { Link, useRouterState } from '@tanstack/react-router';
import { Icon } from '@/components/ui/Icon';
import { may, useMe } from '@/lib/api';
import { GROUPS, ROUTES } from './routes';

const inside = (path: string, here: string) => (path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`));

export function SideBar() {
  const me = useMe();
  const here = useRouterState({ select: (s) => s.location.pathname });
  return (
    <nav className="side" aria-label="Main">
      {GROUPS.map((group, i) => (
        <div key={group} className="contents">
          {i > 0 && <h2>{group}</h2>}
          {ROUTES.filter((r) => r.nav?.group === group && may(me, r.scope)).map((r) => (
            <Link key={r.path} to={r.path} className={`nav ${inside(r.path, here) ? 'on' : ''}`} aria-current={inside(r.path, here) ? 'page' : undefined} title={r.title} aria-label={r.title}>
              {r.nav && <Icon name={r.nav.icon} />}<span className="txt">{r.title}</span>
            </Link>
          ))}
        </div>
      ))}
    </nav>
  );
}
