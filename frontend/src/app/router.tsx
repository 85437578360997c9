import { createRootRoute, createRoute, createRouter, Outlet, redirect, type RouterHistory } from '@tanstack/react-router';
import { Canvas } from '@/components/charts/Canvas';
import { meQuery, Problem, whenSignedOut } from '@/lib/api';
import { lazyPart, loadWhenIdle } from '@/lib/lazyPart';
import { knowPages } from '@/lib/pages';
import { Failed, Missing } from './Failed';
import { forget, watchIdentity } from './identity';
import { PARTS } from './parts';
import { queryClient } from './queryClient';
import { ROUTES } from './routes';
import { Shell } from './Shell';

/** Everything but the sign-in page needs a session; the page that was asked for is kept in `next`. */
async function requireSession({ location }: { location: { href: string } }) {
  try {
    await queryClient.ensureQueryData(meQuery);
  } catch (error) {
    if (error instanceof Problem && error.status === 401) throw redirect({ href: `/login?next=${encodeURIComponent(location.href)}` });
    throw error;
  }
}

knowPages(ROUTES);

/** By the router's path; the code of a page is asked for once, whoever shows it. */
const PAGES = ROUTES.map((entry) => ({ entry, Page: lazyPart(entry.page) }));
const Login = lazyPart(() => import('@/features/session/LoginPage'));

function routeTree() {
  const root = createRootRoute({ component: Outlet });
  const login = createRoute({ getParentRoute: () => root, path: '/login', component: Login, errorComponent: Failed });
  const signedIn = createRoute({ getParentRoute: () => root, id: 'signedIn', component: Shell, errorComponent: Failed, beforeLoad: requireSession });
  const pages = PAGES.map(({ entry, Page }) =>
    createRoute({ getParentRoute: () => signedIn, path: entry.path, component: Page, errorComponent: Failed, staticData: { entry } }));
  // What no page has: inside the frame, so that all the others can be reached from there.
  const missing = createRoute({ getParentRoute: () => signedIn, path: '$', component: Missing });
  return root.addChildren([login, signedIn.addChildren([...pages, missing])]);
}

/** A function, because a test starts from a fresh one. */
export function makeRouter(history?: RouterHistory) {
  const router = createRouter({
    routeTree: routeTree(), history, defaultPreload: 'intent', defaultNotFoundComponent: Missing, defaultPendingComponent: () => null, scrollRestoration: true,
  });
  loadWhenIdle([...PAGES.map(({ Page }) => Page), ...PARTS, Canvas]);
  watchIdentity(queryClient);
  whenSignedOut(() => {
    forget();
    if (router.state.location.pathname === '/login') return;
    queryClient.removeQueries({ queryKey: meQuery.queryKey });
    void router.navigate({ href: `/login?next=${encodeURIComponent(router.state.location.href)}` });
  });
  return router;
}
