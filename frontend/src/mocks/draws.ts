import { iso, SLOT, START } from './clock.ts';
import type { DrawBody, Drawable, Drawn, Instance } from '../lib/api/objects.ts';

const FREE = 300;
const PRICE = '0.000500000';
/** What was drawn, by workload and the end of its slot. */
const taken = new Map<string, number>();
/** Its slots begin with the mock: none ends while a test runs. */
const slotEnd = () => iso(START + (Math.floor((Date.now() - START) / SLOT) + 1) * SLOT);
const left = (of: Instance) => FREE - (taken.get(`${of.id} ${slotEnd()}`) ?? 0);
const not = (resource: string, code: string, detail: string): Drawable => ({ resource, quantity: 0, price: null, until: null, code, detail });

/** CPU is free until it is taken; of memory nothing is. */
export function drawable(of: Instance): { data: Drawable[] } {
  if (of.state !== 'running') return { data: ['cpu_milli', 'mem_mib'].map((resource) => not(resource, 'instance_not_running', 'The workload does not run.')) };
  const none = (resource: string) => not(resource, 'nothing_to_draw', `Nothing of ${resource} is free on the workload\u2019s node in this slot.`);
  const cpu: Drawable = left(of) > 0
    ? { resource: 'cpu_milli', quantity: left(of), price: PRICE, until: slotEnd(), code: null, detail: null }
    : none('cpu_milli');
  return { data: [cpu, none('mem_mib')] };
}

/** What was taken, or the code and the sentence of a refusal. */
export function draw(of: Instance, body: unknown): Drawn | { code: string; detail: string } {
  const { resource, quantity, highest_price: most } = body as DrawBody;
  const offer = drawable(of).data.find((d) => d.resource === resource);
  if (!offer?.price || !offer.until) return { code: offer?.code ?? 'resource_not_in_pool', detail: offer?.detail ?? 'Its pool does not trade that.' };
  if (most && Number(most) < Number(offer.price)) return { code: 'draw_too_dear', detail: `What is free costs ${offer.price} each and slot. That is above your ${most}.` };
  const got = Math.min(quantity, offer.quantity);
  const key = `${of.id} ${offer.until}`;
  taken.set(key, (taken.get(key) ?? 0) + got);
  return { order: 'bid_01KAB6Q0ZX3F4QW87K2DRAW', resource, quantity: got, price: offer.price, until: offer.until };
}
