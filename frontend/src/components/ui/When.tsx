import { age, clockSeconds, dayClock, full, useNow, zone } from '@/lib/time';

/** A moment; the hover names day and zone. */
export function When({ at, style = 'clock' }: { at: string; style?: 'clock' | 'day' }) {
  const z = zone.use();
  return <time dateTime={at} title={full(at, z)}>{style === 'day' ? dayClock(at, z) : clockSeconds(at, z)}</time>;
}

export function Age({ at }: { at: string }) {
  const z = zone.use();
  const now = useNow();
  return <time dateTime={at} title={full(at, z)}>{age(at, now, z)}</time>;
}

const MOMENT = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)/;

/** A sentence of the server; its moments are shown like all others. */
export function Said({ text }: { text: string }) {
  return <>{text.split(MOMENT).map((part, at) => (at % 2 === 1 ? <When key={at} at={part} style="day" /> : part))}</>;
}
