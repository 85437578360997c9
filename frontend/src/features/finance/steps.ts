// A statement as steps from its opening to its closing balance, and where the bars of its picture begin.
import type { Statement } from '@/lib/api';
import { micro } from '@/lib/money';

const NAMES: Record<string, string> = { grant: 'Granted', charge: 'Capacity bought', credit_note: 'Credit notes', proceeds: 'Capacity lent', reservation_fee: 'Reservation fees', compensation: 'Compensations', dispute_note: 'Disputes upheld', dispute_frozen: 'Set aside for disputes', dispute_released: 'No longer set aside', operator_income: 'Operator income', platform_risk: 'Platform risk', rounding: 'Rounding' };

/** Micro-credits. `total`: a balance, not what moved. */
export interface Step { label: string; from: bigint; to: bigint; total?: boolean }

/** One step for each kind of movement, in the order in which they first come. */
export function stepsOf(s: Pick<Statement, 'opening' | 'closing' | 'lines'>): Step[] {
  const kinds = new Map<string, bigint>();
  for (const l of s.lines) kinds.set(l.kind, (kinds.get(l.kind) ?? 0n) + micro(l.amount));
  let at: bigint = micro(s.opening);
  const steps: Step[] = [{ label: 'Opening', from: 0n, to: at, total: true }];
  for (const [kind, sum] of kinds) { steps.push({ label: NAMES[kind] ?? kind.replaceAll('_', ' '), from: at, to: at + sum }); at += sum; }
  return [...steps, { label: 'Closing', from: 0n, to: micro(s.closing), total: true }];
}

/** The part of the picture's height under which a bar is a hairline. */
const HAIRLINE = 0.04;

/** How many of the movements are more than a hairline when bars begin at `floor`. */
function seen(steps: Step[], floor: number, high: number): number {
  const above = (v: bigint) => Math.max(Number(v), floor);
  return steps.filter((x) => !x.total && Math.abs(above(x.to) - above(x.from)) >= (high - floor) * HAIRLINE).length;
}

/** Where bars begin, in micro-credits: at 0, or shortly under the balance from which on more of what moved can be seen. */
export function floorOf(steps: Step[]): bigint {
  const levels = steps.flatMap((x) => [Number(x.from), Number(x.to)]);
  const [low, high] = [Math.min(...levels, 0), Math.max(...levels, 1)];
  if (low < 0) return BigInt(low);
  const under = levels.map((level) => Math.floor(level - (high - level) / 4)).filter((floor) => floor > 0 && floor < high);
  // Of those that show as many, the lowest: it cuts the least off.
  const best = [0, ...under].sort((a, b) => a - b).map((floor) => ({ floor, count: seen(steps, floor, high) }));
  return BigInt(best.reduce((kept, next) => (next.count > kept.count ? next : kept)).floor);
}
