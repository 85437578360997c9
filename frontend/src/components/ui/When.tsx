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
