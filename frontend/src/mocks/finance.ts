import { ago } from './clock.ts';
import type { FinanceSummary, Receipt, Statement, StatementLine } from '../lib/api/objects.ts';

const LINES: [string, string, bigint][] = [
  ['grant', 'Quota granted', 60_000_000_000n], ['charge', 'ams1-gp, 64 cores, 30 min', -422_976_000n], ['credit_note', '8 of 384 core·slots not delivered', 8_812_000n],
  ['charge', 'fra1-gp, 32 cores, 30 min', -287_220_000n], ['charge', 'hel1-gp, 128 cores, 60 min', -1_591_320_000n], ['proceeds', 'Lent 48 cores in fra1-hp, 90 min', 2_113_380_000n],
  ['charge', 'vie1-hp, 32 cores, 30 min', -392_460_000n], ['proceeds', 'Lent 24 cores in fra1-gp, 30 min', 215_430_000n], 
  ['rounding', 'Rounding', 1n],
];
const text = (v: bigint) => `${v < 0n ? '-' : ''}${(v < 0n ? -v : v).toString().padStart(7, '0').replace(/(\d{6})$/, '.$1')}`;
const OPENING = 21_480_218_804n;
let balance = OPENING;
const lines: StatementLine[] = LINES.map(([kind, description, amount], i) => {
  balance += amount;
  return { at: ago(86_400 - i * 3600), kind, description, amount: text(amount), balance: text(balance), round: kind === 'grant' ? null : 940_000 + i * 360, slot: ago(86_400 - i * 3600), order: kind === 'charge' ? 'bid_01KAB6Q0ZX3F4QW87K2A05' : null, transfer: `tra_01KAB6Q0ZX3F4QW890C${i}TX` };
});
const sum = (...kinds: string[]) => text(LINES.filter(([k]) => kinds.includes(k)).reduce((s, [, , a]) => s + (a < 0n ? -a : a), 0n));
export const statement: Statement = {
  participant: 'par_01KAB6Q0ZX3F4QGENOM', participant_name: 'Genomics Core', currency: 'credits', from: ago(86_400), to: ago(0), opening: text(OPENING), closing: text(balance), lines, difference: '0.000000', truncated: false,
  totals: { granted: sum('grant'), charges: sum('charge'), credit_notes: sum('credit_note'), proceeds: sum('proceeds'), net_charges: sum('charge'), reservation_fees: '0.000000', compensations: '0.000000', dispute_notes: '0.000000' },
};
const account = (name: string, balance: string, participant_name: string | null = null) => ({ account: name, participant: participant_name && 'par_01KAB6Q0ZX3F4QGENOM', participant_name, balance });
const receipt = (n: number, kind: string, awarded: number, delivered: number, price: string, amount: string, cause: string | null): Receipt => ({
  id: `rcp_01KAB6Q0ZX3F4QW${n}`, award: `awd_01KAB6Q0ZX3F4QW${n}`, order: 'bid_01KAB6Q0ZX3F4QW87K2A05', kind, side: kind === 'bought' ? 'bid' : 'offer', participant: 'par_01KAB6Q0ZX3F4QGENOM',
  instance: null, round: 940_000 + n, slot: ago(86_400 - n * 300), amount, credit_note: '0.000000', cause, recorded_at: ago(86_000 - n * 300),
  lines: [{ pool: 'vie1-hp', resource: 'cpu_milli', awarded, delivered, price, amount, credit_note: '0.000000', kept: awarded - delivered, compensation: '0.000000' }],
});
export const receipts: Receipt[] = [
  receipt(1, 'bought', 24_000, 24_000, '0.000900000', '21.600000', null), receipt(2, 'bought', 16_000, 12_000, '0.000900000', '10.800000', 'late_or_partial'),
  receipt(3, 'lent', 4_000, 0, '0.000700000', '0.000000', 'kept_by_program'),
  { ...receipt(4, 'bought', 2_000, 2_000, '0.000900000', '1.800000', null), round: 0 },
];
export const summary: FinanceSummary = {
  from: ago(86_400), to: ago(0), currency: 'credits', sum: '0.000000',
  accounts: [
    account('par_g/available', '755242.212649', 'Genomics Core'), account('par_g/held', '16766.561043', 'Genomics Core'), account('escrow', '9571.400691'), account('operator_income', '546120.072139'),
    account('rounding', '0.000000'), account('issued', '-1327700.246522'),
  ],
  participants: [{ participant: 'par_01KAB6Q0ZX3F4QGENOM', participant_name: 'Genomics Core', totals: statement.totals }],
  kinds: ([['grant', '600000.000000', 6, '0.000000', '600000.000000'], ['hold', '1188902.371478', 41_208, '0.000000', '0.000000'], ['charge', '262118.402117', 9871, '262118.402117', '0.000000'], ['proceeds', '9674.300000', 312, '0.000000', '9674.300000'], ['credit_note', '1302.780000', 88, '0.000000', '1302.780000']] as const).map(([kind, amount, count, from_participants, to_participants]) => ({ kind, amount, count, from_participants, to_participants })),
};
