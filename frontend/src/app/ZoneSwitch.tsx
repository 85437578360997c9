import { Segmented } from '@/components/ui/Segmented';
import { type Zone, ZONES, zone } from '@/lib/time';

const SAID: Record<Zone, [is: string, turn: string]> = { UTC: ['in UTC', 'show them in local time'], Local: ['in local time', 'show them in UTC'] };

/** In which zone all times are: a switch, and where there is no room for it a word that turns it. */
export function ZoneSwitch() {
  const chosen = zone.use();
  const [is, turn] = SAID[chosen];
  return (
    <>
      <span className="narrow-hide"><Segmented label="Time zone" value={chosen} options={ZONES} onChange={zone.set} /></span>
      <button type="button" className="zone wide-hide" aria-label={`${chosen}: times are ${is}; ${turn}`} title={`Times are ${is}; ${turn}`} onClick={() => zone.set(chosen === 'UTC' ? 'Local' : 'UTC')}>{chosen}</button>
    </>
  );
}
