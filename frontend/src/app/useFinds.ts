import { type Instance, isPlatform, type List, may, MOST, type Order, type Participant, type Pool, type Round, useMe, useResource } from '@/lib/api';
import { type Find, found } from './finds';

/** So much has to be typed before lists that may be long are asked for. */
const ASKS_FROM = 2;

/** `cut`: there are older orders than those that were looked through. */
export function useFinds(text: string): { finds: Find[]; cut: boolean } {
  const me = useMe();
  const asks = text.trim().length >= ASKS_FROM;
  const orders = asks && may(me, 'orders:read');
  const pools = useResource<List<Pool>>('/pools').data;
  const workloads = useResource<List<Instance>>(asks && may(me, 'allocations:read') ? '/instances' : null, { limit: MOST }).data;
  const bids = useResource<List<Order>>(orders ? '/bids' : null, { limit: MOST }).data;
  const offers = useResource<List<Order>>(orders ? '/offers' : null, { limit: MOST }).data;
  const participants = useResource<List<Participant>>(isPlatform(me) ? '/participants' : null).data;
  const newest = useResource<List<Round>>('/rounds', { limit: 1 }).data?.data[0]?.number;
  const finds = found(text, {
    pools: pools?.data ?? [], workloads: workloads?.data ?? [], orders: [...(bids?.data ?? []), ...(offers?.data ?? [])], participants: participants?.data ?? [], newest,
  }, me);
  return { finds, cut: !!(bids?.has_more || offers?.has_more || workloads?.has_more) };
}
