// Between the form, where prices are per core or GiB, and the wire, where they are per base unit.
import type { Strategy } from '@/lib/api';
import { decimal, divRound, exactPrice, formatPercent, micro, readDecimal, readQuantity, unitOf } from '@/lib/money';

type Prices = Record<string, string>;
export interface Form { bid: boolean; offer: boolean; cost: Prices; least: Prices; atReserve: boolean; recallable: Prices; draws: Prices; takesRecallable: boolean; fee: string; most: Prices; promised: string; notice: string; goesOn: boolean; moveTo: string[] }
const both = (names: string[], prices: Prices | undefined) => Object.fromEntries(names.map((r) => [r, prices?.[r] ? exactPrice(r, prices[r]) : '']));

/** What is taken back by a limit, at once; memory in use is not. */
const canBeRecalled = (resource: string) => ['cpu_milli', 'io_mbps', 'net_mbps'].includes(resource);

const MOST_NOTICE_SECONDS = 86_400;

/** Of a share, which has six digits. */
const PERCENT = 10_000;

/** In cores or GiB, as fine as they can be typed. */
const inUnits = (resource: string, base: number) => String(Number((base / unitOf(resource).per).toFixed(3)));

export const formOf = (s: Strategy, names: string[]): Form => ({
  bid: s.auto_bid !== null, offer: s.auto_offer !== null, cost: both(names, s.auto_bid?.shortage_cost), least: both(names, s.auto_offer?.minimum_price), atReserve: s.auto_offer === null || !!s.auto_offer.at_least_reserve_price, recallable: both(names.filter(canBeRecalled), s.auto_offer?.recallable_price), draws: both(names.filter(canBeRecalled), s.draws), takesRecallable: s.auto_bid?.assurance === 'recallable', fee: s.move_fee && micro(s.move_fee) > 0n ? s.move_fee.replace(/\.?0+$/, '') : '',
  // 0 is an answer, too: it goes for nothing.
  promised: s.auto_bid?.promised_service_level ? String(Number(micro(s.auto_bid.promised_service_level)) / PERCENT) : '',
  notice: s.notice_seconds ? String(s.notice_seconds) : '',
  goesOn: !s.lets_go_in_safe_state, moveTo: s.move_to ?? [],
  most: Object.fromEntries(names.map((r) => [r, s.max_swap?.[r] === undefined ? '' : inUnits(r, s.max_swap[r])])),
});

const typed = (text: string) => readDecimal(text, 9);
/** Credits have 6 digits. */
export const feeFault = (text: string): string | undefined => readDecimal(text, 6).fault;
/** A promise is typed in percent; empty is none. Neither never nor always can be promised. */
export function promiseFault(text: string): string | undefined {
  const { value, fault } = readDecimal(text, 4);
  return fault ?? (value !== null && (value <= 0n || value >= BigInt(100 * PERCENT)) ? 'More than 0 and less than 100' : undefined);
}
/** Whole seconds, a day at most; empty is none. */
export function noticeFault(text: string): string | undefined {
  if (text.trim() === '') return undefined;
  return /^\d{1,5}$/.test(text.trim()) && Number(text) <= MOST_NOTICE_SECONDS ? undefined : 'Whole seconds, at most 86400';
}
/** A share as percent, rounded down: what misses a promise by little must not look as if it kept it. */
export function flooredPercent(share: string): string {
  const tenths = Number(micro(share) / BigInt(PERCENT / 10));
  return formatPercent(tenths / 1000, tenths % 10 === 0 ? 0 : 1);
}
export const faultOf = (text: string): string | undefined => typed(text).fault;
export const mostFault = (resource: string, text: string): string | undefined => readQuantity(resource, text).fault;
/** Whether a shortage costs anything: without that automatic bids are worth nothing, and none is placed. */
const namesCost = (costs: Prices): boolean => Object.values(costs).some((text) => (typed(text).value ?? 0n) > 0n);
export const bidsNothing = (f: Form): boolean => f.bid && Object.values(f.cost).every((text) => !faultOf(text)) && !namesCost(f.cost);
/** Whether a strategy places bids, and not only says that it would. */
export const placesBids = (s: Strategy): boolean => Object.values(s.auto_bid?.shortage_cost ?? {}).some((cost) => Number(cost) > 0);

/** Only what is switched on is sent, so only that must be readable. */
export const sendable = (f: Form): boolean => [...(f.bid ? Object.values(f.cost) : []), ...(f.offer ? [...Object.values(f.least), ...Object.values(f.recallable)] : []), ...Object.values(f.draws)].every((text) => !faultOf(text)) && !bidsNothing(f) && !feeFault(f.fee) && !noticeFault(f.notice) && !(f.bid && promiseFault(f.promised)) && Object.entries(f.most).every(([r, text]) => !mostFault(r, text));

/** Per base unit; a resource without a price is left out. */
export const wire = (prices: Prices): Prices => Object.fromEntries(Object.entries(prices).flatMap(([r, text]) => {
  const { value } = typed(text);
  return value === null ? [] : [[r, decimal(divRound(value, BigInt(unitOf(r).per)), 9)]];
}));
const promise = (text: string): { promised_service_level?: string } => {
  const { value } = readDecimal(text, 4);
  return value === null ? {} : { promised_service_level: decimal(value, 6) };
};
/** What is typed of automatic bids; null where they are off, or can't be read. */
export const bidOf = (f: Form): Pick<Strategy, 'auto_bid'> | null =>
  (f.bid && !bidsNothing(f) && !promiseFault(f.promised) && Object.values(f.cost).every((text) => !faultOf(text)) ? { auto_bid: strategyOf(f).auto_bid } : null);
export const strategyOf = (f: Form): Strategy => ({
  auto_bid: f.bid ? { shortage_cost: wire(f.cost), ...promise(f.promised), ...(f.takesRecallable ? { assurance: 'recallable' } : {}) } : null,
  auto_offer: f.offer ? { minimum_price: wire(f.least), ...(f.atReserve ? { at_least_reserve_price: true } : {}), ...(Object.keys(wire(f.recallable)).length > 0 ? { recallable_price: wire(f.recallable) } : {}) } : null,
  move_fee: decimal(readDecimal(f.fee, 6).value ?? 0n, 6),
  max_swap: Object.fromEntries(Object.entries(f.most).flatMap(([r, text]) => {
    const { value } = readQuantity(r, text);
    return value === null ? [] : [[r, value]];
  })),
  ...(Object.keys(wire(f.draws)).length > 0 ? { draws: wire(f.draws) } : {}),
  ...(Number(f.notice) > 0 ? { notice_seconds: Number(f.notice) } : {}),
  ...(f.goesOn ? {} : { lets_go_in_safe_state: true }),
  ...(f.moveTo.length > 0 ? { move_to: f.moveTo } : {}),
});
