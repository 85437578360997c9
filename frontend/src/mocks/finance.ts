import { ago } from './clock.ts';
import type { FinanceSummary, Statement, StatementLine } from '../lib/api/draft.ts';

const LINES: [string, string, bigint][] = [
  ['grant', 'Quota granted', 60_000_000_000n], ['charge', 'ams1-gp, 64 cores, 30 min', -422_976_000n], ['credit_note', '8 of 384 core·slots not delivered', 8_812_000n],
  ['charge', 'fra1-gp, 32 cores, 30 min', -287_220_000n], ['charge', 'hel1-gp, 128 cores, 60 min', -1_591_320_000n], ['income', 'Lent 48 cores in fra1-hp, 90 min', 2_113_380_000n],
  ['charge', 'vie1-hp, 32 cores, 30 min', -392_460_000n], ['income', 'Lent 24 cores in fra1-gp, 30 min', 215_430_000n], ['migration', 'Move of rna-seq-02', -12_600_000n], ['imbalance', 'Balancing received', 88_410_000n],
  ['rounding', 'Rounding', 1n],
];
const text = (v: bigint) => `${v < 0n ? '-' : ''}${(v < 0n ? -v : v).toString().padStart(7, '0').replace(/(\d{6})$/, '.$1')}`;
const OPENING = 21_480_218_804n;
let balance = OPENING;
const lines: StatementLine[] = LINES.map(([kind, description, amount], i) => {
  balance += amount;
  return { at: ago(86_400 - i * 3600), kind, description, amount: text(amount), balance: text(balance), round: kind === 'grant' ? null : 940_000 + i * 360, slot: ago(86_400 - i * 3600), order: kind === 'charge' ? 'bid_01KAB6Q0ZX3F4QW87K2A05' : null, transfer: `tra_01KAB6Q0ZX3F4QW890C${i}TX` };
});
const sum = (...kinds: string[]) => text(LINES.filter(([k]) => kinds.includes(k)).reduce((s, [, , a]) => s + a, 0n));
export const statement: Statement = {
  participant: 'par_01KAB6Q0ZX3F4QGENOM', from: ago(86_400), to: ago(0), opening: text(OPENING), closing: text(balance), lines, difference: '0.000000',
  totals: { charges: sum('charge', 'migration'), credit_notes: sum('credit_note'), income: sum('income', 'imbalance', 'rounding'), granted: sum('grant') },
};
export const summary: FinanceSummary = {
  accounts: [['Participants, available', '412880.114207', '1531264.469602', '-1188902.371160', '755242.212649'], ['Participants, held', '18904.220000', '1188902.371478', '-1191040.030435', '16766.561043'],
    ['Escrow', '8120.004410', '1451.396281', '0.000000', '9571.400691'], ['Operator income', '288114.310022', '262118.402117', '-4112.640000', '546120.072139'],
    ['Congestion rent', '1042.880000', '318.402117', '0.000000', '1361.282117'], ['Rounding', '0.000000', '0.000318', '-0.000318', '0.000000'], ['Issued', '-729061.528639', '0.000000', '-600000.000000', '-1329061.528639']]
    .map(([account, opening, into, out, closing]) => ({ account: account as string, opening: opening as string, in: into as string, out: out as string, closing: closing as string })),
  sum: '0.000000', periods: [{ id: 'per_01', state: 'closing', from: ago(2_600_000), to: ago(86_400) }],
  checks: [['All rounds settled', 267_840, true], ['Replay gives the same hashes', 267_840, true], ['Deliveries final', 41_208, true], ['Sum of all balances is 0', 7, true], ['Holds cover charges', 9871, true], ['Disputes decided', 1, false]]
    .map(([rule, tested, passed]) => ({ rule: rule as string, tested: tested as number, passed: passed as boolean })),
};
