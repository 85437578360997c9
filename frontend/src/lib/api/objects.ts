// The API's objects as the pages read them: what they use of each, with enums left open. Money and prices are decimal strings (6 and 9 digits),
// quantities integers in base units, times RFC 3339 in UTC; enums are open: unknown values must be shown.

import type { Adopted } from './adoption';

export type ResourceName = string;
export type Quantities = Record<ResourceName, number>;
export interface List<T> { object: 'list'; data: T[]; has_more: boolean; next_cursor?: string | null }

export type Role = 'bidder' | 'tenant' | 'finance' | 'admin' | 'operator';
export interface Participant { id: string; name: string }
/** What an admin allows one. */
export interface FullParticipant extends Participant {
  /** The operator's own: it does not trade, and its members hold the platform roles. */
  platform: boolean;
  /** Bounds the baselines of its running workloads together. A resource that is not in it is 0. */
  quota: Quantities; instance_limit: number; highest_class: string; created_at: string;
}
export interface User { id: string; email: string; name: string }
export interface UserRecord extends User { memberships: { participant: Participant; role: Role }[] }
export interface ApiKey {
  id: string; participant: string; name: string; role: Role; scopes: string[];
  /** How its secret begins. */
  prefix: string; created_at: string; expires_at: string | null; revoked_at: string | null;
  /** The key that it was made with, and ends with; null where a person made it. */
  made_by: string | null;
  /** To the minute; null where nobody has used it since that is recorded. */
  last_used_at: string | null;
}
/** The only answer that ever has the secret. */
export interface NewApiKey extends ApiKey { secret: string }
export interface Market { slot_seconds: number; round_seconds: number; lead_seconds: number; horizon_slots: number }
export interface Me {
  user: { id: string; email: string; name: string };
  participant: Participant; role: Role; scopes: string[]; memberships: { participant: Participant; role: Role }[];
  market: Market; currency: string; now: string; demo: boolean; banner: string | null;
}
export interface Session { access_token: string; expires_in: number; csrf_token: string; refresh_token: string }
/** Without a kind it is a WebAssembly module. */
export interface Module { id: string; participant: string | null; name: string; hash: string; size_bytes: number; created_at: string; kind?: 'wasm' | 'command' | 'service' | 'process' | 'slurm_job' | 'pod' | 'vm'; available?: boolean }
export interface About { version: string; licence: string; demo: boolean; attributions: { name: string; text: string; licence: string }[] }
export interface Balance { available: string; held: string; currency: string }

export interface PriceNow { price: string; slot: string; round: number; set_by: string }
export interface PoolResource {
  resource: ResourceName; capacity: number; schedulable: number; free: number; price: PriceNow | null; reserve: string | null;
  /** The price band: a round whose price would be over it awards nothing of it. */
  price_band: string; reference: string; volume: number; utilisation: number;
  /** Supply priced by the chance of a shortage; null where the pool does not do so. */
  scarcity: Scarcity | null;
}
export interface ScarcityStep { quantity: number; remaining: number; reserve: string; price: string; chance: number }
/** Without chances (too few forecast errors) there are no steps, and reserve prices count alone. */
export interface Scarcity { shortage_cost: string; recorded_at: string | null; steps: ScarcityStep[] }
/** Who stopped trading, when and why; open orders stay, no round clears them. */
export interface Halt { by: string; at: string; reason: string }
/** Per base unit. */
export interface AdministeredPrice {
  resource: ResourceName; price: string; basis: 'hour' | 'all_hours' | 'slot_before'; slots: number;
  /** What has raised or lowered it from that. */
  bound?: 'reserve' | 'price_band' | null;
}
/** Slots for which no round is held begin with what workloads have in the slot before. */
export interface SafeState { without_rounds_since: string | null; slots_rolled: number; last_rolled: string | null; prices: AdministeredPrice[] }
export interface Pool {
  slug: string; id: string; name: string; pop: string; tier: string; resources: PoolResource[]; nodes: number;
  /** Of a pool of recallable capacity: the pool that it is a part of. */
  recallable_of: string | null;
  halted: Halt | null; safe_state: SafeState | null; next_slot: string; gate_closes_at: string; reserve_version: number;
  /** So many workloads at most go to another node of the pool for one slot; null: no bound. */
  moves_at_once: number | null;
  /** An operator has to approve every move into it and out of it. */
  move_approval: boolean;
  /** Of the three above and of the price of a shortage: what `If-Match` names when one of them is set. */
  settings_version: number;
  /** A reserve price that somebody sets waits for a second person. */
  two_person_approval: boolean;
}
export interface Node { id: string; name: string; pool: string }
/** How far a workload is with leaving a draining node: `reason` is a code, `detail` a sentence. */
export interface LeavingNode { step: 'moving' | 'waiting' | 'blocked'; reason: string; detail: string; until?: string | null; swap?: string | null }
export interface NodeWorkload {
  id: string; name: string; participant: string; in_force: Quantities;
  /** Of a draining node only. */
  leaving?: LeavingNode | null;
}
/** The load of a host over the last seconds; waits are thousandths of the time in which some work waited. */
export interface HostLoad {
  cpu_milli: number; busy_milli: number; memory_kib: number; available_kib: number; read_kib_per_second: number; written_kib_per_second: number; received_kib_per_second: number; sent_kib_per_second: number;
  cpu_waits_permille?: number | null; memory_waits_permille?: number | null; io_waits_permille?: number | null;
}
export interface Agent {
  version: string;
  /** What it limits: processes of a Linux host, or jobs of a Slurm cluster. */
  driver: string;
  /** Seconds since it was last heard. */
  silent_seconds: number; is_silent: boolean;
  /** Of a host, not of a cluster. */
  host?: HostLoad | null;
  /** Why it can limit nothing, if so. */
  unavailable?: string | null;
  workloads: number;
  /** HTTP services that its host has definitions of. */
  services?: string[];
}
/** `cordoned`: it takes no new awards, what runs there stays. `draining`: what runs there moves away as well. */
export interface FullNode extends Node {
  capacity: Quantities; state: string; created_at: string;
  /** `agent` is 1 where an agent on a host of its own serves it. */
  properties?: Record<string, number>;
  /** The limits in force there, summed; shown with `workloads` and `agent` to operators and admins. */
  in_force?: Quantities | null; workloads?: NodeWorkload[] | null; agent?: Agent | null;
}
export interface PricePoint {
  slot: string; round: number | null; price: string; low: string; high: string; open?: string | null; close?: string | null; volume: number; set_by: string; reserve: string | null; cleared_at: string;
}
export interface BookLevel { price: string; quantity: number; mine: boolean; kind: string }
export interface Book { round: number; pool: string; resource: ResourceName; slot: string; bids: BookLevel[]; offers: BookLevel[]; price: string | null; quantity: number }
export interface ReserveStep { share: string; price: string }
export interface ReservePrice {
  id: string; pool: string; resource: ResourceName; steps: ReserveStep[]; effective_at: string; created_by: string | null; created_at: string;
  /** `scheduled`, `pending`, `rejected` or `withdrawn`; only the first prices anything. */
  state: string; decision: { by: string; at: string; reason: string | null } | null;
}
/** In lists; names are for the operator's roles. */
export interface NamedReservePrice extends ReservePrice { in_force_until: string | null; created_by_name: string | null; decided_by_name: string | null }

/** Money of the whole market, quantities of the pool's resource. */
export interface Figures { operator_revenue: string; revenue: string; operator_volume: number; volume: number; price: string | null; bounded_rounds: number }
export interface SimulatedRound {
  number: number; sealed_at: string; reproduced: boolean; void: string | null; before: Figures; after: Figures;
  prices: { slot: string; before: string | null; after: string | null }[];
}
export interface PricedOut { order: string; participant: string; participant_name: string | null; won_before: number; won_after: number; paid_before: string; paid_after: string }
export interface Simulated {
  pool: string; resource: ResourceName; steps: ReserveStep[]; complete: boolean; rounds: SimulatedRound[]; skipped: { number: number; reason: string }[];
  before: Figures; after: Figures; band: { elasticity: string; demand: string; after: Figures }[];
  priced_out: PricedOut[]; priced_out_total: number; gained_total: number;
}

export interface OrderBody {
  instance: string | null;
  window: { start_at: string; end_at: string };
  latest_start_at: string | null;
  replicas: number;
  resources: Quantities;
  pools: { pool: string; adder: string }[];
  assurance: 'firm' | 'recallable';
  limit: string;
  min_fill: string;
  time_in_force: 'gtc' | 'gtd' | 'ioc' | 'fok';
  expires_at: string | null;
  resell: 'own_limit' | 'never';
  project: string | null;
  /** It wins where its workload is, or not at all. */
  no_displacement: boolean;
  /** Any run of so many slots in a row is enough; 0: the whole window. */
  min_run_slots: number;
  class: string;
}
/** One change of the market, or of what a participant has in it. */
export interface AuditEvent {
  id: string; created_at: string;
  /** The row of the journal. */
  sequence: number;
  /** A user, or an API key with its user's name. */
  actor: { id: string; name: string };
  /** Whose change it was; null for the operator. */
  participant?: string | null; action: string; object: string;
  /** What it is called, where it has a name beside its id. */
  object_name?: string; details: unknown;
  /** The same fields as they were. */
  before?: unknown;
}
/** A limit of one's own: bids that name it reserve what they hold. */
export interface Project {
  id: string; participant: string; name: string; limit: string;
  /** Charged for its awards and not credited back. */
  spent: string;
  /** `limit` less `spent` and `committed`. */
  left: string;
  /** Held for its open bids; it may be more than what is left. */
  committed: string; open_orders: number; created_at: string; updated_at: string;
}
/** Why the last round did not give the order (all of) what it asked for. */
export interface NotWon {
  reason: string; round: number; price_faced: string | null; shortfall: string | null;
}
/** What decided an automatic order about one of its resources; what is left out is 0 or was not asked. */
export interface GroundsInput { baseline: number; needed?: number | null; hinted?: number; floor?: number; already?: number; limit?: number | null; lacked?: number | null; price?: string | null }
/** Which rule of a strategy placed an order, as it was set then, and what it went by. */
export interface Grounds {
  rule: string; strategy_version: number; forecast?: { model?: string | null; seen_until: string } | null;
  level?: string | null; each?: string | null; chance?: string | null; proceeds?: string | null; inputs: Record<string, GroundsInput>;
}
export interface Order extends OrderBody {
  id: string; side: 'bid' | 'offer'; status: string; participant: string;
  /** The owner's own name for it. */
  client_bid_id?: string | null;
  /** What is still asked for: per replica and slot, and how many replicas. */
  remaining: Quantities; remaining_replicas: number;
  /** The part of the limit that belongs to what is still asked for. */
  remaining_limit: string; hold: string; awarded: string; awards: string[];
  /** `draw`: taken at once, in the slot itself; no round has filled it. */
  origin: 'manual' | 'auto_bid' | 'auto_offer' | 'draw';
  /** Of an automatic order what decided it. */
  grounds?: Grounds | null; last_reason: NotWon | null; closed_reason: string | null; created_at: string; updated_at: string;
}
export interface Preview {
  hold: string; currency: string; fee: string;
  /** Like `last_cost` not there where something of it has neither a trade nor a reserve price. */
  expected?: string | null; expected_low?: string | null; expected_high?: string | null;
  /** How many slots the amounts are of: fewer than the window's where a run of it would win. Limits are those of the whole order. */
  slots?: number;
  fill_probability: number | null; chances: { probability: number; limit: string }[];
  /** `recent_slots`: expected, range and chances come from that many of the latest slots; `last_prices`: none of it was traded in one yet. */
  basis: string; basis_slots: number; last_cost?: string | null; available_after: string;
  /** Of the project that the bid names. */
  project_left: string | null;
  /** What it would have won in the last cleared round; null where that says nothing of it. */
  in_last_round?: { round: number; part: string; money: string; whole: string | null; reason: string | null } | null;
  round: number; gate_closes_at: string; warnings: string[];
}
/** `round`: in whose book it was found; `part`: of what is left of the order, from 0 to 1; `whole`: the limit that would have won all of that. */
export interface WinningLimit { value: string; quality: string; round?: number | null; part?: string | null; whole?: string | null }
export interface Explain {
  order: string; status: string; reason: string | null; sentence: string; round: number | null; limit: string; price_faced: string | null; shortfall: string | null;
  /** Where a run of the window came nearest: how many slots these two are of. */
  slots?: number | null;
  /** Of a bid the least, of an offer the most that would have won; null where no other limit would have. */
  minimum_winning_limit: WinningLimit | null; maximum_winning_limit: WinningLimit | null;
  /** Where a full node decided: its name, and what it is full of. */
  binding_node?: string | null; binding_resource?: string | null;
  changes: { change: string; limit: string | null; helps: boolean }[];
}

export interface RoundPrice {
  pool: string;
  /** Of what may be taken back: the node, each has its price. */
  node?: string | null; resource: ResourceName; slot: string;
  /** On every node that has room left. */
  price: string;
  /** `bid`, `offer`, `reserve:STEP` or `none`. */
  set_by: string; volume: number; supply: number; reserve: string | null;
}
/** What winning bids pay, beside what their winning costs all others. */
/** Sums and single bids are for platform roles; members are told the ratio where it is of four bids or more. */
export interface PriceToExternality { winners: number; looked_at: number; ratio: string | null; paid: string | null; externality: string | null; least: string | null; greatest: string | null }
export interface RoundExternality { round: number; price_to_externality: PriceToExternality | null; no_externality: 'no_winner' | 'too_large' | 'busy' | null }
/** What a full node costs beyond its pool's price; nodes with room left have none. */
export interface NodePremium { pool: string; node: string; resource: ResourceName; slot: string; premium: string }
/** A product whose price was beyond the band: nothing was awarded in what is cleared together with it. */
export interface Interruption { pool: string; resource: ResourceName; slot: string; price: string; band: string }
/** In credits with 9 digits. `total`: bound − welfare; the others are its parts by cause. */
export interface Gap { total: string; blocks: string; hosts: string; rounding: string }
export interface Certificate {
  verified: boolean;
  /** `optimal`; `bounded` where the gap is more than whole units and printed prices explain. */
  quality: string;
  /** In credits with 9 digits. */
  welfare: string;
  /** No allocation has more welfare. */
  bound: string; gap: Gap; input_hash: string; result_hash: string;
}
export interface Round {
  id: string; number: number; state: string; sealed_at: string; awarded_at: string | null; settled_at: string | null;
  first_slot: string; last_slot: string; orders: number; awards: number; root: string; previous_root: string;
  certificate: Certificate | null; prices: RoundPrice[]; premiums?: NodePremium[]; interruptions?: Interruption[]; void_reason: string | null; open_slots: string[];
}
export interface AwardLine { pool: string; resource: ResourceName; slot: string; quantity: number; price: string; money: string; resold: number; settled: boolean }
/** What an order won in a round: `bought`, `lent` or `resold`. */
export interface Award {
  id: string; round: number; kind: string; side: 'bid' | 'offer'; order: string; participant: string; instance: string | null; lines: AwardLine[]; money: string; created_at: string;
}
export interface Outcome {
  format: string;
  /** `limited_by`: why it did not win all of its lots; left out where it did. */
  awards: { order: string; alternative: number; lots: number; money: string; quantities: [string, string, number, number][]; nodes?: [string, number][]; limited_by?: string }[];
  /** `cost`: what all of it would have cost at the prices. */
  refused: { order: string; reason: string; cost: string; shortfall: string }[];
}

export interface Phase { state: string; started_at: string; ended_at: string | null; detail: string | null }
export interface Difference { position: number; field: string; live: string; shadow: string }
/** A way that was weighed, with its numbers. */
/** What a workload gets from another, or (under 0) gives to it; `instance` only where that is its owner's too. */
export interface Pair { pool: string; resource: ResourceName; quantity: number; counterpart: string; instance: string | null; distance: number }
export interface SwapCause { kind: string; order: string | null; orders: number; pool: string; resource: ResourceName; quantity: number; pays: string; is_paid: string; left_out?: string | null; rule?: string | null; sentence: string }
export interface SwapGained { resource: ResourceName; quantity: number; counterpart: string; instance: string | null; sentence: string }
/** Why a swap is made, who gained, and what is paid for it: `null` where only the receipt can say it. */
export interface SwapExplain { swap: string; sentence: string; because: SwapCause[]; until_then: string | null; gained: SwapGained[]; pays: string | null; is_paid: string | null }
/** What a shadow run has shown that goes on while a person is asked. */
export interface ShadowEvidence { at: string; positions_compared: number; states_compared: number; lag: number; live_latency_micros: number; shadow_latency_micros: number }
/** That an operator has to approve a move once its shadow run has passed, and what became of it. */
export interface Approval {
  ask_by: string; answer_by: string; asked_at: string | null; evidence: ShadowEvidence | null; withdrawn?: { reason: string; detail: string } | null;
  answer: { verdict: 'approved' | 'rejected'; by: string; at: string; reason: string | null } | null;
}
/** What a move is expected to come to when its source is stopped. */
export interface Cutover { pause_micros: number; bytes: number; learned_from_moves: number }
export interface Swap {
  id: string; participant: string; instance: string; instance_name: string; state: string; method: string;
  pool_from: string; pool_to: string; node_from: string; node_to: string; limits_from: Quantities; limits_to: Quantities;
  slot: string; expected_gain: string; deadline: string; depends_on: string[]; pairs: Pair[]; epoch: number; phases: Phase[]; bytes: number;
  downtime_micros: number | null; positions_compared: number; difference_count: number; differences: Difference[];
  reason: string | null; cancel_requested: string | null; created_at: string; ended_at: string | null;
  causes: Omit<SwapCause, 'sentence'>[];
  /** Left out where nobody is asked. */
  approval?: Approval | null;
  /** What a move was expected to come to before it began; left out of a resize. */
  forecast?: MoveForecast | null;
}
export interface MoveForecast {
  learned_from: 'program' | 'driver' | 'market'; moves: number; failures: number; bytes: number; pause_micros: number; failures_per_million: number; cost: string;
  rejected: { method: string; reason: string; bytes: number | null; pause_micros: number | null; cost: string | null }[];
}
/** One swap by itself: with what is expected of a move, and names for the operator's roles. */
export interface OneSwap extends Swap { participant_name: string | null; answered_by_name: string | null; cutover: Cutover | null }

export interface Strategy {
  auto_bid: { shortage_cost: Record<ResourceName, string>; promised_service_level?: string | null; assurance?: 'firm' | 'recallable' } | null;
  auto_offer: {
    minimum_price: Record<ResourceName, string>;
    /** Nor for less than the pool's reserve price, whatever that is then. */
    at_least_reserve_price?: boolean; recallable_price?: Record<ResourceName, string>;
  } | null;
  /** What moving it costs its owner. */
  move_fee?: string;
  /** The most by which what it wins and what it lends may differ in a slot. */
  max_swap?: Quantities;
  /** What is free on its node is taken at once in the middle of a slot when it needs more: at this price a base unit and slot at most. */
  draws?: Record<ResourceName, string>;
  /** So long before a slot what it has won is sold on no more; left out where that is until the gate closes. */
  notice_seconds?: number;
  /** Pools that may become its own by a rule; left out where it stays. */
  move_to?: string[];
  /** Where no round is held before a slot's gate, it does not go on with what it has. */
  lets_go_in_safe_state?: boolean;
}
/** A workload that gets another pool as its own, by the rule that asked for it; scores and gain are credits a slot. */
export interface Relocation {
  pool_from: string; pool_to: string; rule: string; asked_at: string; until: string; score_at_home: string; score_there: string; migration_cost: string; gain: string; shortage_chance: string;
  swap: string | null; ended?: { at: string; end: string } | null;
}
export type AtEnd = 'shrink' | 'checkpoint' | 'stop';
export interface Instance {
  id: string; participant: string; name: string; driver: string; module: string; arguments?: string[]; pool: string; node: string; epoch: number; class: string; state: string;
  /** Where it ran before the market knew it. */
  adopted?: Adopted | null;
  baseline: Quantities; floor: Quantities; limit: Quantities;
  /** The limits on its node as far as the market has made them true. */
  in_force: Quantities;
  /** It has won room in another pool: in which slots, and the node of its own pool that keeps its place. */
  away?: { home: string; first: string; last: string } | null;
  relocation?: Relocation | null; last_relocation?: Relocation | null;
  /** What becomes of memory that its program still has when what it had won ends; and the way that a drill has shown to work. */
  at_end: AtEnd; shown_at_end?: AtEnd | null;
  /** The last drill, `ended_at` null while it waits. */
  drill?: { at_end: AtEnd; asked_at: string; ended_at: string | null; passed: boolean; detail: string | null } | null;
  /** Somebody has stopped it while a swap was changing it: it stops when that has ended. */
  stop_requested?: boolean;
  /** It stands still, written to disk, until it has these amounts again. */
  suspended?: { since: string; needs: Quantities } | null;
  strategy: Strategy; strategy_version: number; swap: string | null; pinned_until: string | null; created_at: string;
  /** Why its program does not run any more, where its state is `failed`. */
  fault: { at: string; detail: string } | null;
}
/** What somebody outside knows of a workload's near future: at least so much will be needed, or nodes that it should not move to. */
export interface Hint {
  id: string; participant: string; instance: string; expected_demand: Quantities; avoid_nodes: string[]; starts_at: string; expires_at: string;
  /** Who says so, for people. */
  source: string | null;
  created_at: string; withdrawn_at: string | null;
}
export interface HintBody { instance: string; expected_demand: Quantities; avoid_nodes: string[]; starts_at?: string; expires_at: string; source?: string }
/** Where forecasts of its workloads start while there is no data. */
export interface ApplicationProfile { id: string; participant: string; name: string; version: number; instances: string[]; typical: Quantities; peak: Quantities; created_at: string; updated_at: string }
/** What an admin sets of a workload, with every resource that it has; 0 takes one away. */
export interface BaselineBody { baseline: Quantities; floor: Quantities }
/** What automatic bids cover at today's prices; shares from 0 to 1. */
export interface ServiceLevel {
  instance: string; slot: string; promised_service_level: string | null;
  resources: { resource: ResourceName; price: string; price_from: string; shortage_cost: string; service_level: string }[];
  /** `service_level` is null while it is not known how the resources hang together; `at_least` holds all the same. */
  joint: { service_level: string | null; at_least: string | null; outcomes: number; reason: string | null };
  warning: { code: string; detail: string; shortage_cost: Record<ResourceName, string> } | null;
}
/** One measurement of a workload, every few seconds. */
export interface Sample {
  at: string; instance: string; node: string; limits: Quantities; usage: Quantities;
  /** Usage and what throttling or a stall withheld; at least this high where `censored`. */
  demand: Quantities; censored: ResourceName[]; throttled_millis: number; input_lag: number; bytes_in: number; bytes_out: number; host_calls: number; steps: number;
}
export interface ForecastPoint {
  horizon_slots: number; slot: string; mean: number; variance: number; quantiles: Record<string, number>;
  /** What hints in force say is needed at least; 0 where none does. */
  hinted?: number;
}
/** How forecasts of one horizon have done so far; nulls before the first was scored. */
export interface Accuracy {
  horizon_slots: number; scored: number; coverage_80: number | null; coverage_95: number | null; mean_pinball: number | null; mean_absolute_error: number | null;
}
export interface SeriesForecast { instance: string; resource: ResourceName; model: string; issued_at: string; samples: number; rejected_samples: number; points: ForecastPoint[]; accuracy: Accuracy[] }
/** `risk`: chance that the demand exceeds the capacity in this slot or before. */
export interface PredictedPoint extends ForecastPoint { minutes: number; risk: number | null; coverage_80: number | null; coverage_95: number | null }
export interface PredictedSeries { resource: ResourceName; issued_at: string | null; capacity: number; points: PredictedPoint[] }
export interface Prediction { instance_id: string | null; pool: string | null; model: string; series: PredictedSeries[] }
/** What a workload has in one of the coming slots: baseline − lent + won − resold. */
export interface Allocation {
  instance: string; instance_name: string; slot: string; node: string; baseline: Quantities; limits: Quantities;
  /** Of what it has lent: what it may take back. */
  recallable: Quantities;
  /** What it has won and will not have, as it can't be brought there: it is credited. */
  missed: Quantities;
}
/** What a workload has again, and what of that nobody had bought. */
export interface Recalled { quantity: number; from_idle: number }
/** What of a resource a workload could take at once, for the rest of the slot; or, with quantity 0, why nothing. */
export interface Drawable {
  resource: ResourceName; quantity: number;
  /** Of all of it, per base unit and slot. */
  price: string | null;
  until: string | null; code: string | null; detail: string | null;
}
export interface Drawables { data: Drawable[] }
export interface DrawBody { resource: ResourceName; quantity: number; highest_price?: string }
/** What it has taken: perhaps less than was asked for. */
export interface Drawn { order?: string | null; resource: ResourceName; quantity: number; price: string; until: string }
/** Every pool with what the workload's need costs there, the best first. */
export interface PopOption {
  pool: string; pop: string; tier: string; rank: number; selected: boolean; need_price: string;
  migration: { method: string; bytes: number; downtime_micros: number; failures_per_million: number; learned_from_moves: number; cost: string };
  distance: number; distance_cost: string;
  /** `null` where the pool can't take the need. */
  total: string | null;
  /** `null` where no speed is measured. */
  resource_optimization_score: string | null; can_be_carried_out: boolean; reason: string | null;
}
/** A recommendation and the orders that would carry it out; it only proposes. */
export interface Recommendation {
  instance_id: string; recommendation: string; reason: string;
  /** Sentences with numbers. */
  why: string[];
  risk: Record<string, number>; change: Quantities; expected_cost: string;
  quantities: { slot: string; resource: ResourceName; planned: number; demand: number; recommended: number; moves: boolean; limited_by: string | null }[];
  waste: { before: string; after: string }; sla_violation: { before: string; after: string };
  resource_optimization_score: string | null; pools: PopOption[];
  shaping: { at: string; steps: { resource: ResourceName; action: string; from: number; to: number; after_seconds: number }[] }[];
  /** What each of `orders` does. */
  steps: { slot: string; side: string; resources: Quantities; expected_cost: string }[];
  orders: OrderBody[]; placed: string[];
}

export interface Receipt {
  id: string; award: string; order: string; kind: string; side: string; participant: string; instance: string | null; round: number; slot: string;
  lines: { pool: string; resource: string; awarded: number; delivered: number; price: string; amount: string; credit_note: string; kept?: number; compensation?: string }[];
  amount: string; credit_note: string; reservation_fee?: string; compensation?: string; cause: string | null; recorded_at: string;
}
/** A member says that a receipt is wrong; what it claims is set aside until somebody of the operator has decided. */
export interface Dispute {
  id: string; participant: string; receipt: string; award: string; order: string; instance: string | null; round: number; slot: string;
  evidence: { result_hash: string | null; swaps: string[] };
  state: 'open' | 'upheld' | 'rejected' | 'withdrawn'; reason: string; claimed: string; note: string; decision: string | null;
  opened_by: string; opened_at: string; decided_by: string | null; decided_at: string | null;
}
export interface StatementLine {
  at: string; kind: string; description: string; amount: string; balance: string;
  order: string | null; round: number | null; slot: string | null; transfer: string;
}
export interface Statement {
  participant: string; participant_name: string; currency: string; from: string; to: string; opening: string; closing: string; lines: StatementLine[];
  totals: { granted: string; charges: string; credit_notes: string; proceeds: string; net_charges: string; reservation_fees: string; compensations: string; dispute_notes: string };
  /** opening + all lines − closing: always zero. */
  difference: string;
  /** More lines exist than are shown; the CSV has all. */
  truncated: boolean;
}
export interface FinanceSummary {
  from: string; to: string; currency: string; sum: string;
  accounts: { account: string; participant: string | null; participant_name: string | null; balance: string }[];
  kinds: { kind: string; amount: string; count: number; from_participants: string; to_participants: string }[];
  /** In the period; who is not listed has moved nothing. */
  participants: { participant: string; participant_name: string; totals: Statement['totals'] }[];
}
