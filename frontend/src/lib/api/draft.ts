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
export interface Pool {
  slug: string; id: string; name: string; pop: string; tier: string;
  resources: PoolResource[]; nodes: number; halted: boolean | { by: string; at: string; reason: string };
}
export interface PricePoint {
  slot: string; round: number; price: string; low: string; high: string;
  volume: number; set_by: string; reserve: string; cleared_at: string;
}
export interface BookLevel { price: string; quantity: number; mine?: boolean; kind?: 'offer' | 'reserve' }
export interface Book { round: number; resource: ResourceName; slot: string; bids: BookLevel[]; offers: BookLevel[]; price: string; quantity: number }
export interface ReservePrice { id: string; resource: ResourceName; price: string; effective_at: string; created_by?: string; created_at?: string }

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
export interface Order extends OrderBody {
  id: string; side: 'bid' | 'offer'; status: string; participant: string;
  filled: Quantities; remaining: Quantities; hold: string; created_at: string; last_reason?: string | null;
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
  set_by: string; quantity?: number; previous?: string | null;
}
export interface Rule { rule: string; passed: boolean; tested?: number; detail?: string }
export interface Round {
  number: number; state: string; sealed_at: string; awarded_at: string | null; root: string; seed: string;
  orders: number; awards: number; welfare: string; gap: string; quality: string;
  input_hash: string; result_hash: string; certificate: { verified: boolean; rules: Rule[] } | null; prices?: RoundPrice[];
}
export interface Outcome {
  format: string;
  awards: { order: string; alternative: number; fill: string; money: string; quantities: [string, string, number, number][] }[];
  refused: { order: string; reason: string; price: string; shortfall: string }[];
}

export interface Phase { state: string; started_at: string | null; ended_at: string | null; detail?: string }
export interface Place { pool: string; node: string }
export interface Difference { position: number; field: string; live: string; shadow: string; rule?: string; verdict?: string }
export interface Alternative {
  method: string; to: Place; downtime_micros: number; failure: number; gain: string; cost: string; net: string;
  chosen: boolean; refused?: string | null;
}
export interface Swap {
  id: string; instance: string; instance_name?: string; state: string; method: string; from: Place; to: Place; resources: Quantities;
  deadline: string | null; phases: Phase[]; bytes: number; downtime_micros: number | null; alternatives: Alternative[];
  differences: { count: number; compared: number; items: Difference[] }; reason: string | null; created_at: string;
}

export interface Instance {
  id: string; name: string; driver: string; pool: string; node: string | null; state: string; class: string;
  baseline: Quantities; floor: Quantities; limits: Quantities; usage: Quantities; at_end: string; notice_seconds: number;
  risk: number | null; strategy: Strategy;
}
export interface Strategy { auto_bid: boolean; auto_offer: boolean; max_price: string | null; min_price: string | null }
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
