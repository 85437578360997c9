import { Link, useRouterState } from '@tanstack/react-router';
import { Icon } from '@/components/ui/Icon';
import { may, useMe } from '@/lib/api';
import { usePhone } from '@/lib/usePhone';
import { BottomBar } from './BottomBar';
import { GROUPS, ROUTES } from './routes';
import { useWaiting, waitText } from './useWaiting';
import { Waits } from './Waits';

const inside = (path: string, here: string) => (path === '/' ? here === '/' : here === path || here.startsWith(`${path}/`));

/** The pages of somebody's role: at the side, or at the bottom of a phone. */
export function SideBar() {
  const me = useMe();
  const here = useRouterState({ select: (s) => s.location.pathname });
  const phone = usePhone();
  const waiting = useWaiting();
  const named = (path: string, title: string) => (waiting[path] ? `${title}, ${waitText(waiting[path], path)}` : title);
  const pages = ROUTES.filter((r) => r.nav && may(me, r.scope));
  if (phone) return <BottomBar pages={pages} waiting={waiting} here={(path) => inside(path, here)} />;
  return (
    <nav className="side" aria-label="Main">
      {GROUPS.map((group, i) => (
        <div key={group} className="contents">
          {i > 0 && <h2>{group}</h2>}
          {pages.filter((r) => r.nav?.group === group).map((r) => (
            <Link key={r.path} to={r.path} className={`nav ${inside(r.path, here) ? 'on' : ''}`} aria-current={inside(r.path, here) ? 'page' : undefined} title={named(r.path, r.title)}>
              {r.nav && <Icon name={r.nav.icon} />}<span className="txt">{r.title}</span><Waits count={waiting[r.path]} path={r.path} />
            </Link>
          ))}
        </div>
      ))}
    </nav>
  );
}
