import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router';
import { meQuery, Problem, whenSignedOut } from '@/lib/api';
import { Failed, Missing } from './Failed';
import { queryClient } from './queryClient';
import { ROUTES } from './routes';
import { Shell } from './Shell';

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing });
const login = createRoute({ getParentRoute: () => root, path: '/login', component: lazyRouteComponent(() => import('@/features/session/LoginPage')) });

/** Everything but the sign-in page needs a session; the page that was asked for is kept in `next`. */
const signedIn = createRoute({
  getParentRoute: () => root,
  id: 'signedIn',
  component: Shell,
  errorComponent: Failed,
  beforeLoad: async ({ location }) => {
    try {
      await queryClient.ensureQueryData(meQuery);
    } catch (error) {
      if (error instanceof Problem && error.status === 401) throw redirect({ to: '/login', search: { next: location.href } });
      throw error;
    }
  },
});

const pages = ROUTES.map((entry) =>
  createRoute({
    getParentRoute: () => signedIn,
    path: entry.path,
    component: lazyRouteComponent(entry.page),
    errorComponent: Failed,
    staticData: { entry },
  }),
);

export const router = createRouter({
  routeTree: root.addChildren([login, signedIn.addChildren(pages)]),
  defaultPreload: 'intent',
  defaultNotFoundComponent: Missing,
  defaultPendingComponent: () => null,
  scrollRestoration: true,
});

whenSignedOut(() => {
  if (router.state.location.pathname === '/login') return;
  queryClient.removeQueries({ queryKey: meQuery.queryKey });
  void router.navigate({ href: `/login?next=${encodeURIComponent(router.state.location.href)}` });
});

