// Numbers with their dimmed tails, so that the digits that matter stand out in a column.
import { formatExact, formatMoney, formatPercent, ledgerParts, type Micro, micro, type Nano, nearestMicro, priceParts, unitPrice } from '@/lib/money';

const Parts = ({ head, tail }: { head: string; tail: string }) => <>{head}<span className="dim">{tail}</span></>;

/** Price per display unit and slot, 4 places. */
export function Price({ value, resource }: { value: string; resource: string }) {
  return <Parts {...priceParts(unitPrice(resource, value))} />;
}
export const NanoPrice = ({ value }: { value: Nano }) => <Parts {...priceParts(value)} />;

/** Money outside the ledger: 2 places, all 6 on hover. */
export function Money({ value, sign }: { value: string; sign?: boolean }) {
  const amount = micro(value);
  return <span title={`${formatExact(amount)} cr`}>{sign && amount > 0n ? '+' : ''}{formatMoney(amount)}</span>;
}
/** Money in the ledger: 6 places, the last 4 dimmed. */
export const Ledger = ({ value }: { value: string }) => <Parts {...ledgerParts(micro(value))} />;

export const Amount = ({ value }: { value: Micro }) => <Parts {...ledgerParts(value)} />;

/** Welfare is an exact fraction; on screen it is rounded to a micro-credit. */
export const Welfare = ({ value }: { value: string }) => <Parts {...ledgerParts(nearestMicro(value))} />;

/** Dearer is not bad and cheaper not good: tight and slack, with a sign that is not colour. */
export function Change({ percent }: { percent: number }) {
  const rounded = Math.round(percent * 10) / 10;
  if (rounded === 0) return <span className="t3">none</span>;
  return rounded > 0
    ? <span className="tight">▲ {formatPercent(rounded / 100, 1)}</span>
    : <span className="slack">▼ {formatPercent(Math.abs(rounded) / 100, 1)}</span>;
}
export function Side({ side }: { side: 'bid' | 'offer' }) {
  return side === 'bid' ? <span role="img" aria-label="bid">▲</span> : <span role="img" aria-label="offer" className="sup">▼</span>;
}
