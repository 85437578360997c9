// The ledger's accounts, added up by whose they are.
import type { FinanceSummary } from '@/lib/api';
import { asMicro, type Micro, micro } from '@/lib/money';

type Account = FinanceSummary['accounts'][number];
export interface Total { id: string; name: string; available: Micro; held: Micro; total: Micro }

export const kindOf = (a: Account) => (a.account.split(/[/:]/).pop() ?? a.account).replaceAll('_', ' ');

/** One line a participant: free, and held for orders. By name. */
export function totalsOf(accounts: Account[]): Total[] {
  const by = new Map<string, Total>();
  for (const a of accounts.filter((x) => x.participant !== null)) {
    const id = a.participant ?? '';
    const t = by.get(id) ?? { id, name: a.participant_name ?? id, available: asMicro(0n), held: asMicro(0n), total: asMicro(0n) };
    const key = kindOf(a) === 'held' ? 'held' : 'available';
    const amount = micro(a.balance);
    by.set(id, { ...t, [key]: asMicro(t[key] + amount), total: asMicro(t.total + amount) });
  }
  return [...by.values()].sort((a, b) => a.name.localeCompare(b.name));
}
