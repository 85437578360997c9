import { age, clockSeconds, dayClock, full, MOMENT, moment, useNow, zone } from '@/lib/time';

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

/** A sentence of the server; its moments are shown like all others. */
export function Said({ text }: { text: string }) {
  return <>{text.split(MOMENT).map((part, at) => (at % 2 === 1 ? <When key={at} at={part} style="moment" /> : part))}</>;
}
