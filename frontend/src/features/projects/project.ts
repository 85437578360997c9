// What a project's figures and its form say. Pure, so that it is tested without a page.
import type { Project } from '@/lib/api';
import { asMicro, decimal, micro, type Micro, readMicro, toNumber } from '@/lib/money';

/** As the server has it. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const MOST = 1_000_000_000_000_000n;

export interface Draft { name: string; limit: string }
export interface Faults { name?: string; limit?: string }

/** `taken`: names that a new project can't have; `used`: spent and held, under which a limit is refused. */
export function check({ name, limit }: Draft, taken: string[], used: Micro): Faults {
  const { value, fault } = readMicro(limit);
  const faults: Faults = { limit: fault };
  if (name && !NAME.test(name)) faults.name = 'Letters, digits, “-”, “_” and “.”; 64 at most, the first a letter or digit';
  else if (taken.includes(name)) faults.name = 'There is a project of this name: select it to change its limit';
  if (value !== null && value > MOST) faults.limit = 'At most 1,000,000,000 cr';
  else if (value !== null && value < used) faults.limit = 'More than that is spent or held for its bids';
  return faults;
}

export const sendable = (d: Draft, f: Faults) => d.name !== '' && readMicro(d.limit).value !== null && !f.name && !f.limit;
export const wireLimit = (text: string) => decimal(readMicro(text).value ?? asMicro(0n), 6);

/** Parts of the limit, in percent: what was spent, and what is held for open bids. */
export function parts(p: Project): { spent: number; committed: number } {
  const limit = micro(p.limit);
  const part = (v: bigint) => (limit > 0n ? Math.min(100, (toNumber(v, 6) / toNumber(limit, 6)) * 100) : 0);
  const spent = part(micro(p.spent));
  return { spent, committed: Math.min(100 - spent, part(micro(p.committed))) };
}

/** Under which its limit can't go. */
export const used = (p: Project) => asMicro(micro(p.spent) + micro(p.committed));
export const isUsedUp = (p: Project) => micro(p.left) === 0n;
