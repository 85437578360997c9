import { Page, Panel, Segmented } from '@/components/ui';
import { type About, useMe, useResource } from '@/lib/api';
import { applyTheme, theme, THEMES } from '@/lib/theme';
import { ZONES, zone } from '@/lib/time';

function Settings() {
  return (
    <Panel title="How it looks" pad>
      <div className="col g12">
        <div className="row g12"><span className="s12 t2 w-20">Theme</span><Segmented label="Theme" value={theme.use()} options={THEMES} onChange={applyTheme} /></div>
        <div className="row g12"><span className="s12 t2 w-20">Times</span><Segmented label="Time zone" value={zone.use()} options={ZONES} onChange={zone.set} /></div>
      </div>
    </Panel>
  );
}

function Sources({ about }: { about: About }) {
  return (
    <Panel title="Sources and licences" pad>
      <dl className="col g12 prose">
        {about.attributions.map((a) => (
          <div key={a.name}>
            <dt className="m">{a.name}<span className="bdg line ml-2">{a.licence}</span></dt>
            <dd className="s12">{a.text}</dd>
          </div>
        ))}
      </dl>
    </Panel>
  );
}

export default function AboutPage() {
  const about = useResource<About>('/about');
  const me = useMe();
  return (
    <Page title="Settings and about" of={about} answer={(a) => <>You use <b>Headroom {a.version}</b> as <b>{me?.user.name}</b>, {me?.role} at {me?.participant.name}.</>}>
      {(a) => (
        <div className="halves">
          <Settings />
          <Sources about={a} />
          <Panel title="This market" pad>
            <dl className="kv">
              <dt>Slot</dt><dd>{me?.market.slot_seconds} s</dd>
              <dt>Round</dt><dd>every {me?.market.round_seconds} s</dd>
              <dt>Gate closes</dt><dd>{me?.market.lead_seconds} s before its slot</dd>
              <dt>Open slots</dt><dd>{me?.market.horizon_slots}</dd>
              <dt>Licence of Headroom</dt><dd>{a.licence}</dd>
              <dt>Currency</dt><dd>{me?.currency}</dd>
            </dl>
          </Panel>
        </div>
      )}
    </Page>
  );
}
