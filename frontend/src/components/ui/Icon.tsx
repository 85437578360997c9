// 16 px line icons, drawn with currentColor. An icon never stands alone: a word or a label is beside it.
const PATHS = {
  market: 'M2 13V8m4 5V4m4 9V6m4 7V2',
  trade: 'M2 11l4-4 3 3 5-6M10 4h4v4',
  orders: 'M3 4h10M3 8h10M3 12h6',
  workloads: 'M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.01M5 11h.01',
  nodes: 'M4.5 4.5h7v7h-7zM6.5 2v2.5M9.5 2v2.5M6.5 11.5V14M9.5 11.5V14M2 6.5h2.5M2 9.5h2.5M11.5 6.5H14M11.5 9.5H14',
  rounds: 'M8 2a6 6 0 1 0 6 6M8 5v3l2 1.5M11 2.5l2.5.5-.5 2.5',
  swaps: 'M3 5h9M9.5 2.5L12 5 9.5 7.5M13 11H4M6.5 8.5L4 11l2.5 2.5',
  forecasts: 'M2 9h4l3-3 5-3M6 9l3 1 5-1M6 9l3 3 5 2',
  finance: 'M3 2.5h10v11H3zM5.5 5.5h5M5.5 8h5M5.5 10.5h3',
  projects: 'M2 3.5h4.5l1.5 2h6v7.5H2zM5 9.5h6',
  pricing: 'M2 8l6-6h5.5v5.5l-6 6zM10.5 5.5h.01',
  audit: 'M3 2.5h7l3 3v8H3zM5.5 6h3M5.5 8.5h5M5.5 11l1 1 2-2',
  keys: 'M10.5 2.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8.4 7.6L2.5 13.5M4.5 11.5l1.5 1.5M6.5 9.5l1 1',
  people: 'M6 3a2.3 2.3 0 1 0 0 4.6A2.3 2.3 0 0 0 6 3zM2 13c0-2.2 1.8-3.6 4-3.6s4 1.4 4 3.6M10.5 3.3a2.3 2.3 0 0 1 0 4.2M11.8 9.8c1.4.5 2.2 1.6 2.2 3.2',
  settings: 'M8 5.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5zM8 1.5v2M8 12.5v2M1.5 8h2M12.5 8h2M3.4 3.4l1.4 1.4M11.2 11.2l1.4 1.4M12.6 3.4l-1.4 1.4M4.8 11.2l-1.4 1.4',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  down: 'M4.5 6.5L8 10l3.5-3.5',
  right: 'M6.5 4.5L10 8l-3.5 3.5',
  arrow: 'M2 8h11M9.5 4.5L13 8l-3.5 3.5',
  search: 'M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.3 10.3L14 14',
  export: 'M8 2.5v7M5 6.8L8 9.8l3-3M3 12.5h10',
  star: 'M8 2.2l1.8 3.7 4 .6-2.9 2.8.7 4L8 11.4l-3.6 1.9.7-4L2.2 6.5l4-.6z',
  check: 'M3 8.5l3.2 3.2L13 5',
  cross: 'M4 4l8 8M12 4l-8 8',
  dash: 'M3 8h10',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 4.8V8l2.2 1.4',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  table: 'M2.5 3h11v10h-11zM2.5 6.3h11M2.5 9.6h11M6.5 3v10',
  plus: 'M8 3v10M3 8h10',
  warn: 'M8 2.2L14.5 13.5h-13zM8 6.5v3.2M8 11.6h.01',
  undo: 'M3 6h6.5a3.5 3.5 0 0 1 0 7H6M5.5 3.5L3 6l2.5 2.5',
  circle: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11z',
  half: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 2.5v11M9.5 3v10M11 4v8M12.5 6v4',
  lock: 'M4 7.5h8v6H4zM5.5 7.5V5.3a2.5 2.5 0 0 1 5 0v2.2',
  copy: 'M5.5 5.5h8v8h-8zM3 10.5h-.5v-8h8V3',
  info: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2zM8 7.3v3.5M8 5.2h.01',
  out: 'M6.5 2.5h-4v11h4M6 8h8M11 5l3 3-3 3',
} as const;
export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 16, fill, stroke = 1.5 }: { name: IconName; size?: number; fill?: boolean; stroke?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 16 16" aria-hidden="true" fill={fill ? 'currentColor' : 'none'}
      stroke="currentColor" strokeWidth={stroke} strokeLinecap="round" strokeLinejoin="round">
      <path d={PATHS[name]} />
    </svg>
  );
}
