import { Suspense } from 'react';
import { Icon } from '@/components/ui/Icon';
import { Money } from '@/components/ui/Amount';
import { type Balance, isPlatform, useMe, useResource } from '@/lib/api';
import { withMod } from '@/lib/keys';
import { Brand } from './Brand';
import { LiveDot } from './LiveDot';
import { UserMenu } from './parts';
import { RoundClock } from './RoundClock';
import { ZoneSwitch } from './ZoneSwitch';

export function TopBar({ onSearch }: { onSearch: () => void }) {
  const me = useMe();
  const platform = isPlatform(me);
  // On every width: whose money an order spends is never out of sight.
  const who = platform ? 'All participants' : me?.participant.name;
  const balance = useResource<Balance>(me && !platform ? '/balance' : null).data;
  return (
    <header className="top">
      <Brand />
      <span className="ws" title={who}>{who}</span>
      <span className="live">{me?.demo ? 'DEMO' : 'LIVE'}</span>
      <span className="sp" />
      <button type="button" className="search" onClick={onSearch}>
        <Icon name="search" size={14} /><span className="txt">Search or jump to</span><span className="sp" /><span className="kbd" aria-hidden="true">{withMod('K')}</span>
      </button>
      {/* On a phone a row of its own, with the zone of its times at the end. */}
      <div className="status">
        <RoundClock />
        {balance && <>
          <span className="vr" />
          <span className="tstat"><b><Money value={balance.available} /> cr</b><span>available</span></span>
          <span className="tstat"><b><Money value={balance.held} /> cr</b><span>held</span></span>
        </>}
        <span className="vr phone-hide" />
        <ZoneSwitch />
      </div>
      <LiveDot />
      <Suspense fallback={<span className="av" />}><UserMenu /></Suspense>
    </header>
  );
}
