// The API as a function from request to answer. The dev server and the tests both use it, so what
// the pages are developed against is what the tests run against.
import { recommendation } from './advice.ts';
import { changes } from './audit.ts';
import { adopt, listCandidates } from './candidates.ts';
import { draw, drawable } from './draws.ts';
import { ago, list, roundNow, slotAt } from './clock.ts';
import { hints, makeHint, profiles } from './guidance.ts';
import { keysOf, makeKey, revokeKey } from './keys.ts';
import { fullNodes, grant, makeNode, makeParticipant, makeUser, setNodeState, setQuota, users } from './members.ts';
import { receipts, statement, summary } from './finance.ts';
import { awards, explain, orders } from './orders.ts';
import { book, pools, prices, reservePrices } from './pools.ts';
import { projects, putProject } from './projects.ts';
import { refuse, type Reply } from './reply.ts';
import { simulated } from './simulation.ts';
import { disputes, openDispute } from './disputes.ts';
import { externality, result, round, rounds } from './rounds.ts';
import { explainSwap, instances, swaps } from './swaps.ts';
import { about, balance, me, participants, people, type Person } from './users.ts';
import { prediction, accuracy, metrics } from './forecasts.ts';
import { serviceLevel } from './serviceLevel.ts';
import { isOneOffer, place, preview } from './trade.ts';
import type { FullNode, Instance } from '../lib/api/objects.ts';

export interface Ask { method: string; path: string; query: URLSearchParams; body: unknown; person: Person | null }
const ok = (body: unknown, more: Partial<Reply> = {}): Reply => ({ status: 200, body, ...more });
const or404 = <T>(thing: T | undefined, then: (t: T) => unknown): Reply => (thing ? ok(then(thing)) : refuse(404, 'not_found', 'Not found', 'There is no such thing, or it is not yours.'));

const onNode = (id: string | undefined, then: (n: FullNode) => Reply): Reply => { const node = fullNodes.find((n) => n.id === id); return node ? then(node) : or404(node, () => null); };

const LIVE = ['open', 'partially_filled', 'pending_cancel', 'pending_replace'];
/** A page of a list as the server cuts it: by status, from a cursor on. */
function paged<T extends { id: string; status?: string; state?: string }>(rows: T[], query: URLSearchParams) {
  const wanted = (query.get('status') ?? '').split(',').filter(Boolean).flatMap((s) => (s === 'open' ? LIVE : [s]));
  const fitting = rows.filter((r) => wanted.length === 0 || wanted.includes(r.status ?? r.state ?? ''));
  const from = fitting.findIndex((r) => r.id === query.get('starting_after')) + 1;
  const data = fitting.slice(from, from + Number(query.get('limit') ?? 50));
  const more = from + data.length < fitting.length;
  return { ...list(data), has_more: more, next_cursor: more ? (data.at(-1)?.id ?? null) : null };
}

type Handler = (ask: Ask, m: string[]) => Reply;
const ROUTES: [string, RegExp, Handler][] = [
  ['POST', /^\/auth\/login$/, ({ body }) => {
    const { email, password } = body as { email?: string; password?: string };
    const person = people.find((p) => p.email === email && p.password === password);
    return person ? ok({ access_token: 'mock', expires_in: 900, csrf_token: 'mock' }, { person }) : refuse(401, 'invalid_credentials', 'Wrong e-mail or password');
  }],
  ['POST', /^\/auth\/logout$/, () => ({ status: 204, person: null })],
  ['GET', /^\/about$/, () => ok(about)],
  ['GET', /^\/me$/, ({ person }) => ok(me(person as Person))],
  ['GET', /^\/balance$/, () => ok(balance)],
  ['GET', /^\/pools$/, () => ok(list(pools))],
  ['GET', /^\/pools\/([^/]+)$/, (_, [slug]) => or404(pools.find((p) => p.slug === slug), (p) => p)],
  ['GET', /^\/pools\/([^/]+)\/prices$/, ({ query }, [slug = '']) => ok(list(prices(slug, query.get('resource') ?? 'cpu_milli', Number(query.get('limit') ?? 100))))],
  ['GET', /^\/pools\/([^/]+)\/book$/, ({ query }, [slug = '']) => ok(book(slug, query.get('resource') ?? 'cpu_milli'))],
  ['GET', /^\/pools\/([^/]+)\/reserve_prices$/, (_, [slug = '']) => ok(list(reservePrices(slug)), { etag: '"7"' })],
  ['POST', /^\/pools\/([^/]+)\/reserve_prices$/, ({ body }) => ({ status: 201, body })],
  ['POST', /^\/pools\/([^/]+)\/reserve_prices\/simulate$/, ({ body }, [slug = '']) => ok(simulated(slug, body))],
  ['POST', /^\/pools\/([^/]+)\/reserve_prices\/([^/]+)\/(?:approve|reject|withdraw)$/, (_, [slug = '', id]) => or404(reservePrices(slug).find((r) => r.id === id), (r) => r)],
  ['POST', /^\/pools\/([^/]+)\/halt$/, ({ body, person }, [slug]) => or404(pools.find((p) => p.slug === slug), (p) => Object.assign(p, { halted: { by: person?.name ?? '', at: ago(0), reason: (body as { reason: string }).reason } }))],
  ['POST', /^\/pools\/([^/]+)\/resume$/, (_, [slug]) => or404(pools.find((p) => p.slug === slug), (p) => Object.assign(p, { halted: null }))],
  ['PUT', /^\/pools\/([^/]+)\/shortage_cost$/, (_, [slug]) => or404(pools.find((p) => p.slug === slug), (p) => p)],
  ['PUT', /^\/pools\/([^/]+)\/moves_at_once$/, (ask, [slug]) => or404(pools.find((p) => p.slug === slug), (p) => Object.assign(p, ask.body))],
  ['PUT', /^\/pools\/([^/]+)\/move_approval$/, ({ body }, [slug]) => or404(pools.find((p) => p.slug === slug), (p) => Object.assign(p, { move_approval: (body as { required: boolean }).required }))],
  ['POST', /^\/(?:bids|offers)\/preview$/, ({ body }) => ok(preview(body))],
  ['POST', /^\/offers$/, ({ body }) => (isOneOffer(body) ? { status: 201, body: place('offer', body) } : refuse(422, 'offer_of_several', 'An offer is for one resource in one slot', 'Make an offer for each resource and each slot.'))],
  ['POST', /^\/bids$/, ({ body }) => ({ status: 201, body: place('bid', body) })],
  ['GET', /^\/(bids|offers)$/, ({ query }, [kind]) => ok(paged(orders.filter((o) => o.side === (kind === 'bids' ? 'bid' : 'offer')), query))],
  ['GET', /^\/(?:bids|offers)\/([^/]+)$/, (_, [id]) => or404(orders.find((o) => o.id === id), (o) => o)],
  ['GET', /^\/(?:bids|offers)\/([^/]+)\/explain$/, (_, [id]) => or404(orders.find((o) => o.id === id), explain)],
  ['PATCH', /^\/(?:bids|offers)\/([^/]+)$/, ({ body }, [id]) => or404(orders.find((o) => o.id === id), (o) => Object.assign(o, body))],
  ['DELETE', /^\/(?:bids|offers)\/([^/]+)$/, (_, [id]) => or404(orders.find((o) => o.id === id), (o) => Object.assign(o, { status: 'canceled' }))],
  ['GET', /^\/disputes$/, ({ query }) => ok(paged(disputes, query))],
  ['GET', /^\/disputes\/([^/]+)\/swaps$/, (_, [id]) => or404(disputes.find((d) => d.id === id), (d) => list(swaps.filter((s) => d.evidence.swaps.includes(s.id))))],
  ['POST', /^\/disputes$/, ({ body }) => ({ status: 201, body: openDispute(body as { receipt: string; reason: string; claimed: string }) })],
  ['POST', /^\/disputes\/([^/]+)\/withdraw$/, (_, [id]) => or404(disputes.find((d) => d.id === id), (d) => Object.assign(d, { state: 'withdrawn', decided_at: ago(0) }))],
  ['POST', /^\/disputes\/([^/]+)\/decide$/, ({ body }, [id]) => or404(disputes.find((d) => d.id === id), (d) => { const { note, reason } = body as { note: string; reason: string }; return Object.assign(d, { state: Number(note) > 0 ? 'upheld' : 'rejected', note, decision: reason, decided_by: 'usr_01KAB6Q0ZX3F4Q', decided_at: ago(0) }); })],
  ['GET', /^\/projects$/, () => ok(list(projects))],
  ['PUT', /^\/projects\/([^/]+)$/, ({ body }, [name = '']) => ok(putProject(decodeURIComponent(name), (body as { limit: string }).limit))],
  ['DELETE', /^\/projects\/([^/]+)$/, (_, [name = '']) => or404(projects.find((p) => p.name === decodeURIComponent(name)), (p) => projects.splice(projects.indexOf(p), 1)[0])],
  ['GET', /^\/audit_events$/, ({ query }) => ok(paged(changes.filter((e) => (query.get('action') ?? e.action).split(',').includes(e.action)), query))],
  ['GET', /^\/rounds$/, ({ query }) => ok(list(rounds(Number(query.get('limit') ?? 30))))],
  ['GET', /^\/rounds\/(\d+)$/, (_, [n]) => (Number(n) > roundNow() ? refuse(404, 'not_found', 'Not found') : ok(round(Number(n))))],
  ['GET', /^\/rounds\/(\d+)\/externality$/, (_, [n]) => ok(externality(Number(n)))],
  ['GET', /^\/rounds\/(\d+)\/result$/, () => ok(result())],
  ['GET', /^\/nodes$/, () => ok(list(fullNodes))],
  ['POST', /^\/nodes$/, ({ body }) => ({ status: 201, body: makeNode(body) })],
  ['POST', /^\/nodes\/([^/]+)\/(cordon|drain|uncordon)$/, (_, [id, verb = '']) => or404(fullNodes.find((n) => n.id === id), (n) => setNodeState(n, verb))],
  ['GET', /^\/nodes\/([^/]+)\/candidates$/, (_, [id]) => onNode(id, listCandidates)],
  ['POST', /^\/nodes\/([^/]+)\/adoptions$/, ({ body }, [id]) => onNode(id, (n) => adopt(n, body))],
  ['GET', /^\/swaps$/, ({ query }) => ok(paged(swaps, query))],
  ['GET', /^\/swap_history$/, () => ok(list(swaps.filter((s) => s.state !== 'awaiting_approval')))],
  ['GET', /^\/swaps\/([^/]+)$/, (_, [id]) => or404(swaps.find((s) => s.id === id), (s) => ({ ...s, participant_name: 'Genomics', cutover: s.approval && !s.ended_at ? { pause_micros: 4_200, bytes: Math.floor(s.bytes / 10), learned_from_moves: 18 } : null, answered_by_name: s.approval?.answer ? 'O. Perator' : null }))],
  ['GET', /^\/swaps\/([^/]+)\/explain$/, (_, [id]) => or404(swaps.find((s) => s.id === id), explainSwap)],
  ['POST', /^\/swaps\/([^/]+)\/cancel$/, ({ body }, [id]) => or404(swaps.find((s) => s.id === id), (s) => Object.assign(s, { cancel_requested: (body as { reason: string }).reason }))],
  ['POST', /^\/swaps\/([^/]+)\/(approve|reject)$/, ({ body }, [id, verb]) => or404(swaps.find((s) => s.id === id && s.approval && !s.approval.answer), (s) => {
    const [verdict, state] = verb === 'approve' ? ['approved' as const, 'shadow'] : ['rejected' as const, 'rejected'];
    const answer = { verdict, by: 'usr_01KAB6Q0ZX3F4Q', at: ago(0), reason: (body as { reason?: string }).reason ?? null };
    return Object.assign(s, { state, approval: { ...s.approval, answer }, ...(verdict === 'rejected' ? { ended_at: ago(0), reason: 'rejected_by_operator' } : {}) });
  })],
  ['GET', /^\/modules$/, () => ok(list([{ id: 'mod_01KAB6Q0ZX3F4QTRACE', participant: null, name: 'trace-follower', hash: 'blake3:77', size_bytes: 41_200, created_at: ago(90_000) }]))],
  ['GET', /^\/instances$/, () => ok(list(instances))],
  ['POST', /^\/instances$/, ({ body }) => ({ status: 201, body })],
  ['GET', /^\/instances\/([^/]+)$/, (_, [id]) => or404(instances.find((i) => i.id === id), (i) => i)],
  ['GET', /^\/instances\/([^/]+)\/metrics$/, (_, [id]) => or404(instances.find((i) => i.id === id), metrics)],
  ['POST', /^\/instances\/([^/]+)\/service_level$/, ({ body }, [id]) => or404(instances.find((i) => i.id === id), (i) => serviceLevel({ ...i, strategy: body as Instance['strategy'] }))],
  ['POST', /^\/instances\/([^/]+)\/stop$/, (_, [id]) => or404(instances.find((i) => i.id === id), (i) => Object.assign(i, i.swap ? { stop_requested: true } : { state: 'stopped' }))],
  ['POST', /^\/instances\/([^/]+)\/restart$/, (_, [id]) => or404(instances.find((i) => i.id === id), (i) => Object.assign(i, { state: 'running', fault: null, stop_requested: false }))],
  ['GET', /^\/instances\/([^/]+)\/draws$/, (_, [id]) => or404(instances.find((i) => i.id === id), drawable)],
  ['POST', /^\/instances\/([^/]+)\/draws$/, ({ body }, [id]) => {
    const instance = instances.find((i) => i.id === id);
    const done = instance && draw(instance, body);
    return done && 'code' in done ? refuse(409, done.code, 'Conflict', done.detail) : or404(done, (d) => d);
  }],
  ['PUT', /^\/instances\/([^/]+)\/strategy$/, ({ body }, [id]) => or404(instances.find((i) => i.id === id), (i) => Object.assign(i, { strategy: body }))],
  ['PUT', /^\/instances\/([^/]+)\/baseline$/, ({ body }, [id]) => or404(instances.find((i) => i.id === id), (i) => Object.assign(i, body))],
  ['GET', /^\/allocation_hints$/, ({ query }) => ok(paged(hints, query))],
  ['POST', /^\/allocation_hints$/, ({ body }) => ({ status: 201, body: makeHint(body) })],
  ['DELETE', /^\/allocation_hints\/([^/]+)$/, (_, [id]) => or404(hints.find((h) => h.id === id), (h) => Object.assign(h, { withdrawn_at: ago(0) }))],
  ['GET', /^\/application_profiles$/, ({ query }) => ok(paged(profiles, query))],
  ['GET', /^\/awards$/, () => ok(list(awards))],
  ['GET', /^\/allocations$/, () => ok(list(instances.flatMap((i) => [0, 1, 2, 3].map((n) => ({ instance: i.id, instance_name: i.name, slot: slotAt(n), node: i.node, baseline: i.baseline, limits: n < 2 ? i.in_force : i.baseline, recallable: {}, missed: {} })))))],
  ['POST', /^\/swap_request$/, ({ body }) => ({ status: 202, body: recommendation((body as { instance_id: string }).instance_id) })],
  ['GET', /^\/prediction$/, ({ query }) => ok(prediction(query))],
  ['GET', /^\/forecasts\/accuracy$/, () => ok(accuracy)],
  ['GET', /^\/statements$/, () => ok(statement)],
  ['GET', /^\/receipts$/, () => ok(list(receipts))],
  ['GET', /^\/participants$/, ({ person }) => ok(list(participants.filter((p) => person?.team === 'Operator' || p.name === person?.team)))],
  ['POST', /^\/participants$/, ({ body }) => ({ status: 201, body: makeParticipant(body) })],
  ['PUT', /^\/participants\/([^/]+)\/quota$/, ({ body }, [id]) => or404(participants.find((p) => p.id === id), (p) => setQuota(p, body))],
  ['POST', /^\/participants\/([^/]+)\/grants$/, ({ body }, [id = '']) => {
    const balance = grant(id, body);
    return balance ? { status: 201, body: balance } : refuse(409, 'not_available', 'Conflict', 'Only so much is available; what is held or spent can’t be taken back.');
  }],
  ['GET', /^\/users$/, () => ok(list(users))],
  ['POST', /^\/users$/, ({ body }) => ({ status: 201, body: makeUser(body) })],
  ['GET', /^\/api_keys$/, ({ person }) => ok(list(keysOf(person as Person)))],
  ['POST', /^\/api_keys$/, ({ body, person }) => ({ status: 201, body: makeKey(person as Person, body) })],
  ['DELETE', /^\/api_keys\/([^/]+)$/, (_, [id]) => or404(revokeKey(id), (k) => k)],
  ['GET', /^\/finance\/summary$/, ({ person }) => (person?.role === 'finance' || person?.role === 'admin' ? ok(summary) : refuse(403, 'forbidden', 'Not allowed', 'This needs the role finance or admin.'))],
];

export function answer(ask: Ask): Reply {
  if (!ask.person && !ask.path.startsWith('/auth/')) return refuse(401, 'unauthenticated', 'Sign in first');
  for (const [method, pattern, handler] of ROUTES) {
    const m = method === ask.method ? pattern.exec(ask.path) : null;
    if (m) return handler(ask, m.slice(1) as string[]);
  }
  return refuse(404, 'not_found', 'Not found', `${ask.method} ${ask.path}`);
}

let sequence = 1000;
/** One round's event, for the stream. */
export function tick() {
  const previous = sequence;
  sequence += 1000;
  return { id: sequence, previous, type: 'round.awarded', created_at: new Date().toISOString(), participant: null, object: 'round', data: round(roundNow()) };
}
