import { Button, Page, Panel } from '@/components/ui';
import { Empty } from '@/components/ui/states';
import { download } from '@/lib/csv';
import { useMe, usePools, usePriceMap } from '@/lib/api';
import { Answer } from './Answer';
import { Compare } from './Compare';
import { HeatPanel } from './HeatPanel';
import { fileOf } from './file';
import { MarketStrip } from './MarketStrip';
import { untradedText } from './need';
import { NeedBar, useNeed, useTier } from './NeedBar';
import { PoolTable } from './PoolTable';
import { rank } from './rank';

const HISTORY = 60;

/** Where, and for how much? */
export default function MarketPage() {
  const me = useMe();
  const pools = usePools();
  const [slotSeconds, openSlots] = [me?.market.slot_seconds ?? 300, me?.market.horizon_slots ?? 6];
  const need = useNeed(slotSeconds, openSlots);
  const prices = usePriceMap(pools.data?.data.map((p) => p.slug) ?? [], need.resource, HISTORY);
  const tier = useTier();
  const all = pools.data?.data ?? [];
  const rows = rank(all.filter((p) => !tier || p.tier === tier), prices, need);
  return (
    <Page title="Market" of={pools} answer={() => <Answer rows={rows} need={need} tier={tier} />}
      empty={(d) => d.data.length === 0 && { fact: 'There is no pool in this market yet.', hint: 'An operator adds pools with their nodes.' }}>
      {() => <>
        <NeedBar openSeconds={slotSeconds * openSlots} tiers={[...new Set(all.map((p) => p.tier))]} traded={all.flatMap((p) => p.resources.map((r) => r.resource))} actions={<Button icon="export" onClick={() => download('market.csv', fileOf(rows, need.resource))}>Export view</Button>} />
        {rows.length === 0 ? <Panel><Empty fact={untradedText(need.resource, tier)} hint={tier ? 'Another tier may, or another resource.' : 'Choose another resource.'} /></Panel> : <>
          <MarketStrip rows={rows} resource={need.resource} />
          <PoolTable rows={rows} need={need} />
          <div className="halves">
            <HeatPanel pools={rows.map((r) => r.pool)} prices={prices} resource={need.resource} />
            <Compare rows={rows.slice(0, 4)} pools={all.map((p) => p.slug)} prices={prices} resource={need.resource} slotSeconds={need.slotSeconds} />
          </div>
        </>}
      </>}
    </Page>
  );
}
