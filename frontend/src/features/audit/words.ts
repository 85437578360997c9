// What was asked for, field by field, in the words and units of the pages. What is not known here is shown as it was sent.
import { asMicro, exactPrice, formatBundle, formatMoney, micro, RESOURCES, signed, unitOf } from '@/lib/money';

type Fields = Record<string, unknown>;
const isRecord = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
const raw = (value: unknown): string => (value === null ? 'none' : typeof value === 'object' ? JSON.stringify(value) : String(value));

const quantities = (value: unknown): string => (isRecord(value) && Object.values(value).every(Number.isInteger) ? formatBundle(value as Record<string, number>, ', ') : raw(value));
const prices = (value: unknown): string => {
  if (!isRecord(value)) return raw(value);
  const names = Object.keys(value).sort((a, b) => RESOURCES.indexOf(a) - RESOURCES.indexOf(b));
  return names.map((r) => `${exactPrice(r, String(value[r]))} cr a ${unitOf(r).one} of ${unitOf(r).label}`).join(', ') || 'none';
};
const credits = (value: unknown): string => (isText(value) ? `${formatMoney(micro(value))} cr` : raw(value));
const list = (value: unknown): string => (Array.isArray(value) ? value.map(raw).join(', ') || 'none' : raw(value));
const percent = (share: unknown): string => `${Number((Number(share) * 100).toFixed(4))}\u2009%`;
const yes = (on: string, off: string) => (value: unknown): string => (value === true ? on : value === false ? off : raw(value));

/** "60 % at 1.2, 25 % at 1.5", a core and slot. */
function steps(value: unknown, all: Fields): string {
  const resource = raw(all.resource);
  if (!Array.isArray(value) || !value.every((s) => isRecord(s) && isText(s.price) && isText(s.share))) return raw(value);
  const said = (value as { share: string; price: string }[]).map((s) => (value.length === 1 ? `all of it at ${exactPrice(resource, s.price)}` : `${percent(s.share)} at ${exactPrice(resource, s.price)}`));
  return `${said.join(', ')} cr a ${unitOf(resource).one} and slot`;
}

type Say = [label: string, say: (value: unknown, all: Fields) => string];
const FIELDS: Record<string, Say> = {
  quota: ['Quota', quantities], baseline: ['Baseline', quantities], floor: ['Floor', quantities], capacity: ['Capacity', quantities], max_swap: ['Changes at most, a slot', quantities],
  limit: ['Limit', (v) => (isRecord(v) ? quantities(v) : credits(v))], amount: ['Credits', (v) => (isText(v) ? `${signed(formatMoney(micro(v)))} cr` : raw(v))],
  instance_limit: ['Workloads at most', raw], highest_class: ['Highest class', raw], shortage_cost: ['A missing unit costs', prices], resource: ['Resource', (v) => unitOf(raw(v)).label], steps: ['Reserve price', steps], effective_at: ['In force from', raw],
  required: ['Moves', yes('an operator approves each', 'nobody is asked')], moves_at_once: ['Moves at once', (v) => (v === null ? 'no bound' : raw(v))], verdict: ['Decision', raw], two_person: ['Second person', yes('needed', 'not needed')],
  scopes: ['May', list], resources: ['Resources', (v) => (Array.isArray(v) ? v.map((r) => unitOf(raw(r)).label).join(', ') : raw(v))], role: ['Role', raw], expires_at: ['Ends', raw],
};
/** Of a strategy: each part that says something. */
const STRATEGY: [path: string[], label: string, say: (value: unknown) => string][] = [
  [['auto_bid', 'shortage_cost'], 'Bids; a missing unit costs', (v) => (prices(v) === 'none' ? 'nothing: no cost is named' : prices(v))], [['auto_bid', 'promised_service_level'], 'Promised service level', percent], [['move_to'], 'May move to', list], [['auto_bid', 'assurance'], 'Bids for', raw],
  [['auto_offer', 'minimum_price'], 'Lends from', (v) => (prices(v) === 'none' ? 'any price' : prices(v))], [['auto_offer', 'at_least_reserve_price'], 'Lends for', yes('the reserve price or more', 'less than the reserve price, too')], [['auto_offer', 'recallable_price'], 'Lends recallably from', prices], [['draws'], 'Takes at once, up to', prices], [['move_fee'], 'Moving it costs', credits],
  [['max_swap'], 'Changes at most, a slot', quantities], [['notice_seconds'], 'Knows what it has', (v) => `${raw(v)} s before`], [['lets_go_in_safe_state'], 'While no rounds are held', yes('lets go', 'goes on')],
];
const at = (of: unknown, path: string[]): unknown => path.reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), of);
/** Nothing is said of what is empty, and of credits that are none. */
const empty = (value: unknown): boolean => value === undefined || value === null || value === '' || (Array.isArray(value) && value.length === 0);

function strategyRows(strategy: unknown): [string, string][] {
  const rows = STRATEGY.flatMap(([path, label, say]): [string, string][] => {
    const value = at(strategy, path);
    const none = empty(value) || (say === credits && path[0] === 'move_fee' && isText(value) && asMicro(micro(value)) === 0n) || (path[0] === 'max_swap' && isRecord(value) && Object.keys(value).length === 0);
    return none ? [] : [[label, say(value)]];
  });
  const off = [at(strategy, ['auto_bid']) === null && 'bid', at(strategy, ['auto_offer']) === null && 'lend'].filter(Boolean);
  return [...rows, ...(off.length > 0 ? [['Does not', `${off.join(' or ')} by itself`] as [string, string]] : [])];
}

/** What says most comes first: a line of a table is cut. */
const placeOf = (name: string): number => { const at = Object.keys(FIELDS).indexOf(name); return at < 0 ? Object.keys(FIELDS).length : at; };
const plain = (name: string) => name.replaceAll('_', ' ').replace(/^./, (c) => c.toUpperCase());
/** A value that a later version, or another one, writes otherwise must not take the page with it. */
function said(say: Say[1], value: unknown, all: Fields): string {
  try { return say(value, all); } catch { return raw(value); }
}
function rowsOf(name: string, value: unknown, all: Fields): [string, string][] {
  if (name === 'strategy' && isRecord(value)) {
    try { return strategyRows(value); } catch { return [['Strategy', raw(value)]]; }
  }
  const [label, say] = FIELDS[name] ?? [plain(name), raw];
  return [[label, said(say, value, all)]];
}

/** Ids and bookkeeping: who it was and of what is said beside it. */
const BESIDE = ['by', 'expected_version', 'participant', 'user', 'membership', 'memberships', 'made_by', 'prefix', 'instance', 'node', 'swap', 'reserve', 'project', 'module', 'comparison', 'properties'];

/** Each field in words; where it is known what was before, both. What was left empty is left out. */
export function words(fields: unknown, before?: unknown): [string, string][] {
  if (!isRecord(fields)) return [];
  const old = isRecord(before) ? before : {};
  return Object.entries(fields).sort(([a], [b]) => placeOf(a) - placeOf(b)).filter(([name, value]) => !BESIDE.includes(name) && !(empty(value) && !(name in old) && name !== 'moves_at_once')).flatMap(([name, value]) => {
    const now = rowsOf(name, value, fields);
    if (!(name in old)) return now;
    const was = new Map(rowsOf(name, old[name], { ...fields, ...old }));
    const gone = [...was].filter(([label]) => !now.some(([l]) => l === label)).map(([label, text]): [string, string] => [label, `${text} → none`]);
    return [...now.map(([label, text]): [string, string] => [label, was.get(label) === text ? text : `${was.get(label) ?? 'none'} → ${text}`]), ...gone];
  });
}
