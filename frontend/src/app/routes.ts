// The route table as data. The router, the sidebar, the palette, the key bindings and the tests that
// walk every page (axe, screenshots) all read it, so none of them can forget a page.
import type { ComponentType } from 'react';
import type { IconName } from '@/components/ui/Icon';

export interface RouteEntry {
  path: string;
  title: string;
  /** The scope that opens it (docs/roles.md), or several with blanks between, of which one is enough. Left out: open after any sign-in. */
  scope?: string;
  /** Working pages use the narrow rail instead of the sidebar. */
  rail?: boolean;
  /** `finds`: other words under which the search finds it. */
  nav?: { group: 'Trade' | 'Operate' | 'Account'; icon: IconName; key: string; finds?: string };
  page: () => Promise<{ default: ComponentType }>;
}

export const ROUTES: RouteEntry[] = [
  { path: '/', title: 'Market', nav: { group: 'Trade', icon: 'market', key: 'm' }, page: () => import('@/features/market/MarketPage') },
  { path: '/pools', title: 'Trade', nav: { group: 'Trade', icon: 'trade', key: 't' }, page: () => import('@/features/pools/PickPool') },
  { path: '/pools/$slug', title: 'Pool', rail: true, page: () => import('./pages/TradePage') },
  { path: '/bids', title: 'Orders', scope: 'orders:read', rail: true, nav: { group: 'Trade', icon: 'orders', key: 'o' }, page: () => import('@/features/bids/OrdersPage') },
  { path: '/workloads', title: 'Workloads', scope: 'allocations:read', nav: { group: 'Trade', icon: 'workloads', key: 'w' }, page: () => import('@/features/workloads/WorkloadsPage') },
  { path: '/projects', title: 'Projects', scope: 'orders:read', nav: { group: 'Trade', icon: 'projects', key: 'j' }, page: () => import('@/features/projects/ProjectsPage') },
  { path: '/rounds', title: 'Rounds', nav: { group: 'Operate', icon: 'rounds', key: 'r' }, page: () => import('@/features/rounds/RoundsPage') },
  { path: '/rounds/$number', title: 'Round', rail: true, page: () => import('@/features/rounds/RoundPage') },
  { path: '/swaps', title: 'Swaps', scope: 'swaps:read', nav: { group: 'Operate', icon: 'swaps', key: 's' }, page: () => import('@/features/swaps/SwapsPage') },
  { path: '/swaps/$id', title: 'Swap', scope: 'swaps:read', rail: true, page: () => import('@/features/swaps/SwapPage') },
  { path: '/nodes', title: 'Nodes', scope: 'operations:write admin:write', nav: { group: 'Operate', icon: 'nodes', key: 'h', finds: 'host machine agent cordon drain uncordon' }, page: () => import('@/features/nodes/NodesPage') },
  { path: '/add-workloads', title: 'Add workloads', scope: 'operations:write admin:write', nav: { group: 'Operate', icon: 'plus', key: 'l', finds: 'adopt process program host job slurm pod container kubernetes' }, page: () => import('@/features/adopt/AddWorkloadsPage') },
  { path: '/forecasts', title: 'Forecasts', scope: 'forecasts:read', nav: { group: 'Operate', icon: 'forecasts', key: 'f' }, page: () => import('@/features/forecasts/ForecastsPage') },
  { path: '/finance', title: 'Finance', scope: 'finance:read', nav: { group: 'Account', icon: 'finance', key: 'n' }, page: () => import('@/features/finance/FinancePage') },
  { path: '/admin/pricing', title: 'Reserve prices', scope: 'pricing:write', nav: { group: 'Account', icon: 'pricing', key: 'p' }, page: () => import('@/features/admin/PricingPage') },
  { path: '/admin/participants', title: 'Participants', scope: 'admin:write', nav: { group: 'Account', icon: 'people', key: 'i', finds: 'quota grant credits user password role member instance limit class' }, page: () => import('@/features/participants/ParticipantsPage') },
  { path: '/developers', title: 'Developers', scope: 'keys:read', nav: { group: 'Account', icon: 'keys', key: 'd', finds: 'api key keys token secret curl scope revoke' }, page: () => import('@/features/developers/DevelopersPage') },
  { path: '/audit', title: 'Audit', scope: 'audit:read', nav: { group: 'Account', icon: 'audit', key: 'u' }, page: () => import('@/features/audit/AuditPage') },
  { path: '/about', title: 'Settings and about', nav: { group: 'Account', icon: 'settings', key: 'a' }, page: () => import('@/features/session/AboutPage') },
];

export const GROUPS = ['Trade', 'Operate', 'Account'] as const;
