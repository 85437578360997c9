// The API's objects as the pages use them. Money and prices are decimal strings (6 and 9 digits),
// quantities integers in base units, times RFC 3339 in UTC; enums are open: unknown values must be shown.

export type ResourceName = string;
export type Quantities = Record<ResourceName, number>;
export interface List<T> { object: 'list'; data: T[]; has_more: boolean; next_cursor?: string | null }

export type Role = 'bidder' | 'tenant' | 'finance' | 'admin' | 'operator';
export interface Participant { id: string; name: string }
export interface Market { slot_seconds: number; round_seconds: number; lead_seconds: number; horizon_slots: number; currency: string }
export interface Me {
  user: { id: string; email: string; name: string };
  memberships: { participant: Participant; role: Role }[];
  participant: Participant;
  roles: Role[];
  market: Market;
  demo: boolean;
  banner?: string | null;
}
export interface Session { access_token: string; expires_in: number; csrf_token: string }
export interface About { version: string; attributions: { name: string; text: string; licence?: string; url?: string }[] }
export interface Balance { available: string; held: string; bond: string; currency: string }

export interface PriceNow { price: string; slot: string; round: number; set_by: string; low: string; high: string }
export interface PoolResource {
  resource: ResourceName; capacity: number; free: number; price: PriceNow | null;
  reserve: string; volume: number; utilisation: number;
}
/** Who stopped trading, when and why; open orders stay, no round clears them. */
export interface Halt { by: string; at: string; reason: string }
export interface Pool {
  slug: string; id: string; name: string; pop: string; tier: string;
  resources: PoolResource[]; nodes: number; halted: Halt | null;
}
export interface PricePoint {
  slot: string; round: number; price: string; low: string; high: string;
  volume: number; set_by: string; reserve: string; cleared_at: string;
}
export interface BookLevel { price: string; quantity: number; mine?: boolean; kind?: 'offer' | 'reserve' }
export interface Book { round: number; resource: ResourceName; slot: string; bids: BookLevel[]; offers: BookLevel[]; price: string; quantity: number }
export interface ReservePrice { id: string; pool: string; resource: ResourceName; steps: { share: string; price: string }[]; effective_at: string; created_by: string | null; created_at: string }

export interface OrderBody {
  instance: string | null;
  window: { start_at: string; end_at: string };
  replicas: number;
  resources: Quantities;
  pools: { pool: string; adder: string }[];
  assurance: 'firm' | 'recallable';
  limit: string;
  min_fill: string;
  time_in_force: 'gtc' | 'gtd' | 'ioc' | 'fok';
  expires_at: string | null;
  no_displacement: boolean;
}
/** Why the last round did not give the order (all of) what it asked for. */
export interface NotWon { reason: string; round: number; price_faced: string | null; shortfall: string | null }
export interface Order extends OrderBody {
  id: string; side: 'bid' | 'offer'; status: string; participant: string;
  /** What is still asked for: per replica and slot, and how many replicas. */
  remaining: Quantities; remaining_replicas: number; hold: string; awarded: string; awards: string[];
  origin: 'manual' | 'auto_bid' | 'auto_offer'; last_reason: NotWon | null; closed_reason: string | null; created_at: string; updated_at: string;
}
export interface Preview {
  hold: string; expected: string; expected_low: string; expected_high: string; worst_case: string;
  fill_probability: number; chances: { probability: number; limit: string }[];
  available_after: string; round: number; warnings: string[];
}
export interface Explain {
  reason: string; sentence: string; limit: string; price_faced: string | null; shortfall: string | null;
  minimum_winning_limit: { value: string; quality: 'exact' | 'bound' } | null;
  changes: { change: string; detail?: string; limit?: string | null; probability?: number | null; helps: boolean }[];
  round: number | null;
}

export interface RoundPrice {
  pool: string; resource: ResourceName; slot: string; price: string; low: string; high: string;
  /** `bid:ID`, `offer:ID`, `reserve:STEP`, `arc:INDEX`, `cap` or `none`. */
  set_by: string; volume: number; supply: number; reserve: string | null;
}
export interface Rule { rule: string; passed: boolean; tested?: number; detail?: string }
export interface Certificate {
  verified: boolean; quality: string; welfare: string; gap: string; cuts: number; input_hash: string; result_hash: string; rules?: Rule[];
}
export interface Round {
  id: string; number: number; state: string; sealed_at: string; awarded_at: string | null; settled_at: string | null;
  first_slot: string; last_slot: string; orders: number; awards: number; root: string; previous_root: string; seed: string;
  certificate: Certificate | null; prices: RoundPrice[]; void_reason: string | null; open_slots: string[];
}
export interface Outcome {
  format: string;
  awards: { order: string; alternative: number; fill: string; money: string; quantities: [string, string, number, number][] }[];
  refused: { order: string; reason: string; price: string; shortfall: string }[];
}

export interface Phase { state: string; started_at: string; ended_at: string | null; detail: string | null }
export interface Difference { position: number; field: string; live: string; shadow: string }
/** A way that was weighed, with its numbers. */
export interface MethodConsidered { method: string; chosen: boolean; predicted_downtime_micros: number | null; predicted_cost: string | null; reason: string }
export interface Swap {
  id: string; participant: string; instance: string; instance_name: string; state: string; method: string;
  pool_from: string; pool_to: string; node_from: string; node_to: string; limits_from: Quantities; limits_to: Quantities;
  slot: string; expected_gain: string; deadline: string; depends_on: string[]; epoch: number; phases: Phase[]; bytes: number;
  downtime_micros: number | null; positions_compared: number; difference_count: number; differences: Difference[];
  considered: MethodConsidered[]; reason: string | null; cancel_requested: string | null; created_at: string; ended_at: string | null;
}

export interface Strategy {
  auto_bid: { shortage_cost: Record<ResourceName, string>; other_pools: string[] } | null;
  auto_offer: { minimum_price: Record<ResourceName, string> } | null;
}
export interface Instance {
  id: string; participant: string; name: string; driver: string; module: string; pool: string; node: string; epoch: number; class: string; state: string;
  baseline: Quantities; floor: Quantities; limit: Quantities;
  /** The limits on its node as far as the market has made them true. */
  in_force: Quantities; at_end: string; strategy: Strategy; swap: string | null; pinned_until: string | null; created_at: string;
  usage?: Quantities | null; risk?: number | null;
}
export interface Metrics { points: { at: string; usage: Quantities; limits: Quantities }[] }
export interface ForecastPoint {
  horizon_slots: number; slot: string; mean: number; variance: number; quantiles: Record<string, number>;
  model: string; issued_at: string; coverage: Record<string, number>;
}
export interface Prediction { points: ForecastPoint[] }
export interface Accuracy {
  data: { resource: ResourceName; horizon_slots: number; model: string; count: number; coverage: Record<string, number>; pinball: number; mase: number; drift: boolean }[];
}

export interface StatementLine {
  at: string; kind: string; description: string; amount: string; balance: string;
  round?: number | null; slot?: string | null; order?: string | null; transfer: string;
}
export interface Statement {
  participant: string; from: string; to: string; opening: string; closing: string; lines: StatementLine[];
  totals: { charges: string; credit_notes: string; income: string; granted?: string }; difference: string;
}
export interface FinanceSummary {
  accounts: { account: string; opening: string; in: string; out: string; closing: string }[];
  sum: string; periods: { id: string; state: string; from: string; to: string }[]; checks: Rule[];
}
