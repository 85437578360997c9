import { age, clockSeconds, dayClock, full, moment, useNow, zone } from '@/lib/time';

const STYLES = { clock: clockSeconds, day: dayClock, moment };

/** A moment; the hover names day and zone. */
export function When({ at, style = 'clock' }: { at: string; style?: keyof typeof STYLES }) {
  const z = zone.use();
  return <time dateTime={at} title={full(at, z)}>{STYLES[style](at, z)}</time>;
}

export function Age({ at }: { at: string }) {
  const z = zone.use();
  const now = useNow();
  return <time dateTime={at} title={full(at, z)}>{age(at, now, z)}</time>;
}

const MOMENT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence of the server; its moments are shown like all others. */
export function Said({ text }: { text: string }) {
  return <>{text.split(MOMENT).map((part, at) => (at % 2 === 1 ? <When key={at} at={part} style="moment" /> : part))}</>;
}
