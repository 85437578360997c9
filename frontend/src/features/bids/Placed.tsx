import { Badge, Icon } from '@/components/ui';
import type { Order } from '@/lib/api';
import { originText } from './order';

const ICONS = { auto_bid: 'settings', auto_offer: 'settings', draw: 'arrow' } as const;

/** That nobody placed it by hand, beside its name; the foot of the table says what the signs mean. */
export function Placed({ origin }: Pick<Order, 'origin'>) {
  const said = originText({ origin });
  if (!said) return null;
  const icon = (ICONS as Partial<Record<string, 'settings' | 'arrow'>>)[origin];
  return icon ? <span role="img" aria-label={said} title={said} className="t3" style={{ display: 'inline-block', verticalAlign: -2 }}><Icon name={icon} size={12} /></span> : <Badge>{said}</Badge>;
}

/** For a foot, where such orders are shown. */
export function PlacedLegend({ orders }: { orders: Order[] }) {
  const origins = [orders.some((o) => o.origin.startsWith('auto_')) && 'auto_bid', orders.some((o) => o.origin === 'draw') && 'draw'].filter((o): o is 'auto_bid' | 'draw' => o !== false);
  return <>{origins.map((origin) => <span key={origin} className="row g4" aria-hidden="true"><Icon name={ICONS[origin]} size={12} />{originText({ origin })}</span>)}</>;
}
