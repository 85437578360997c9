// What a participant has, from the accounts of the ledger: one of each kind that was ever used.
import type { FinanceSummary } from '@/lib/api';
import { asMicro, decimal, micro, type Micro, readMicro } from '@/lib/money';

type Account = FinanceSummary['accounts'][number];
export interface Has { available: Micro; held: Micro }

export function hasOf(accounts: Account[], participant: string): Has {
  const of = (kind: string) => asMicro(accounts.filter((a) => a.participant === participant && a.account.endsWith(`/${kind}`)).reduce((sum, a) => sum + micro(a.balance), 0n));
  return { available: of('available'), held: of('held') };
}

export type Way = 'grant' | 'back';
const MOST = 1_000_000_000_000_000n;
/** `has`: undefined while that is not known; the server decides anyway. */
export function amountFault(text: string, way: Way, has: Micro | undefined): string | undefined {
  const { value, fault } = readMicro(text);
  if (fault || value === null) return fault;
  if (value === 0n) return 'More than 0';
  if (value > MOST) return 'At most 1,000,000,000 cr';
  return way === 'back' && has !== undefined && value > has ? 'More than is available; what is held or spent stays' : undefined;
}
export const wireAmount = (text: string, way: Way) => decimal((way === 'back' ? -1n : 1n) * (readMicro(text).value ?? 0n), 6);
