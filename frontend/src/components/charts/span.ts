// Ticks of a time axis of any length, from microseconds to days: round steps, no label twice.
const UNITS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000];

/** Milliseconds; the first is the start itself. */
export function timeTicks(start: number, end: number, count: number): number[] {
  const raw = Math.max(1, (end - start) / Math.max(1, count));
  const step = UNITS.find((u) => u >= raw) ?? UNITS.at(-1) as number;
  return Array.from({ length: Math.floor((end - start) / step + 1e-9) + 1 }, (_, i) => start + i * step);
}

/** Inter at 11 px, roughly. */
export const room = (text: string): number => text.length * 5.9;
/** Broken between words into lines of so many px; a word that is longer than a line is broken itself. */
export function linesOf(text: string, width: number): string[] {
  const most = Math.max(8, Math.floor(width / 5.9));
  const lines: string[] = [];
  for (const word of text.split(' ').flatMap((w) => w.match(new RegExp(`.{1,${most}}`, 'gu')) ?? [])) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= most) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** How far after the start: "+20 ms", "+1.5 s", "+2 min 30 s". */
export function offsetText(ms: number): string {
  if (ms < 1000) return `+${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `+${Number(s.toFixed(2))} s`;
  if (s < 3600) return `+${Math.floor(s / 60)} min${s % 60 >= 1 ? ` ${Math.round(s % 60)} s` : ''}`;
  return `+${Math.floor(s / 3600)} h${s % 3600 >= 60 ? ` ${Math.round((s % 3600) / 60)} min` : ''}`;
}
