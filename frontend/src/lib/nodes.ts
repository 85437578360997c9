// Nodes in words: their states, their agents, and how far a drain is.
import { asSaid } from './api/problem';
import type { FullNode, HostLoad, LeavingNode, NodeWorkload } from './api/objects';
import { spanText } from './ago';
import { formatBytes, formatCount, formatQuantity } from './money';

export type Act = 'cordon' | 'drain' | 'uncordon';
const ACTS: Record<string, Act[]> = { up: ['cordon', 'drain'], cordoned: ['uncordon', 'drain'], draining: ['uncordon'] };
/** What can be done with a node in a state; with one that is down, nothing here. */
export const actsOf = (state: string): Act[] => ACTS[state] ?? [];

export const workloadsOf = (n: Pick<FullNode, 'workloads'>): NodeWorkload[] => n.workloads ?? [];
export const isDraining = (n: Pick<FullNode, 'state'>): boolean => n.state === 'draining';
/** Nothing of it runs any more. */
export const isDrained = (n: FullNode): boolean => isDraining(n) && workloadsOf(n).length === 0;

const STATES: Record<string, string> = { up: 'Up', cordoned: 'Cordoned', draining: 'Draining', down: 'Down' };
/** States are open: an unknown one is shown by its own name. */
export const stateWord = (n: FullNode): string => (isDrained(n) ? 'Drained' : (STATES[n.state] ?? n.state.replaceAll('_', ' ')));

export const LEAVES: Record<LeavingNode['step'], string> = { moving: 'Moving', waiting: 'Waiting', blocked: 'Blocked' };
const REASONS: Record<string, string> = {
  moving: 'A swap takes it away now.', next_slots: 'It moves with one of the next slots.', won_here: 'It has won capacity on this node and moves after that.',
  pinned: 'A move of it has failed. It is tried again later.', suspended: 'It stands still. It moves once it goes on.', adopted: 'It was adopted and stays here until it is stopped.', no_room: 'No other node of the pool has room for it.',
};
/** Why it is still there: the sentence of the server, or what its code means. */
export const leavingText = ({ detail, reason }: LeavingNode): string => (detail ? asSaid(detail) : (REASONS[reason] ?? `${reason.replaceAll('_', ' ')}.`));

const STEPS = ['blocked', 'moving', 'waiting'] as const;
export const workloadCount = (n: number): string => `${formatCount(n)} ${n === 1 ? 'workload' : 'workloads'}`;
/** "3 workloads are still there: 1 blocked, 2 moving". How many there were is not known. */
export function drainText(n: FullNode): string {
  const there = workloadsOf(n);
  if (there.length === 0) return 'Nothing runs there any more: its host can be switched off.';
  const counts = STEPS.map((step) => [there.filter((w) => w.leaving?.step === step).length, step] as const).filter(([count]) => count > 0);
  const steps = counts.map(([count, step]) => `${formatCount(count)} ${step}`).join(', ');
  return `${workloadCount(there.length)} ${there.length === 1 ? 'is' : 'are'} still there${steps && `: ${steps}`}.`;
}

const DRIVERS: Record<string, string> = { linux: 'Linux host', slurm: 'Slurm cluster', kubernetes: 'Kubernetes node', qemu: 'Host of virtual machines' };
export const driverText = (driver: string): string => DRIVERS[driver] ?? driver;
/** Whether an agent serves it: else this server does. */
export const hasAgent = (n: FullNode): boolean => n.properties?.agent === 1 || !!n.agent;

export interface AgentLook { tone: 'ok' | 'warn' | 'bad'; word: string; /** The same where there is little room, of one that is not well. */ mark?: string; /** What to say beside it. */ note?: string }
/** How an agent is; nothing where a node has none. A silent one comes first: what it said before may not hold any more. */
export function agentLook(n: FullNode): AgentLook | null {
  const { agent } = n;
  if (!agent) return hasAgent(n) ? { tone: 'warn', word: 'Not heard yet', mark: 'Not heard', note: 'Start headroom work on its host.' } : null;
  if (agent.is_silent) return { tone: 'bad', word: `Silent for ${spanText(agent.silent_seconds)}`, mark: 'Silent', note: 'Its buyers are credited meanwhile. Look whether its host and its agent run.' };
  if (agent.unavailable) return { tone: 'warn', word: 'Limits nothing', mark: 'Unable', note: asSaid(agent.unavailable).replace(/^./, (c) => c.toUpperCase()).replace(/[^.]$/, '$&.') };
  const [sold, has] = [n.capacity.cpu_milli ?? 0, agent.host?.cpu_milli ?? Infinity];
  if (sold > has) return { tone: 'warn', word: 'Sells too much', mark: 'Sells too much', note: `The node has ${formatQuantity('cpu_milli', sold)} for sale, its host has ${formatQuantity('cpu_milli', has)}. Make a node of the right size, and drain this one.` };
  return { tone: 'ok', word: 'Heard' };
}
export const needsHand = (n: FullNode): boolean => { const look = agentLook(n); return look !== null && look.tone !== 'ok'; };

/** "1.3 of 2 cores busy, 4.2 of 8 GiB free; 25 % of the time work waits for CPU". */
export function hostText(host: HostLoad): string {
  const waits = ([['CPU', host.cpu_waits_permille], ['memory', host.memory_waits_permille], ['disks', host.io_waits_permille]] as const).filter(([, permille]) => (permille ?? 0) >= 50);
  const waiting = waits.map(([what, permille]) => `${Math.round((permille ?? 0) / 10)} % of the time work waits for ${what}`).join(', ');
  const cores = `${formatCount(Math.round(host.busy_milli / 100) / 10)} of ${formatQuantity('cpu_milli', host.cpu_milli)} busy`;
  const memory = `${formatBytes(host.available_kib * 1024)} of ${formatBytes(host.memory_kib * 1024)} free`;
  return [`${cores}, ${memory}`, waiting].filter(Boolean).join('; ');
}

/** Those with every word in their name, pool, state or workloads. */
export function matchingNodes(all: FullNode[], text: string): FullNode[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const of = (n: FullNode) => [n.name, n.pool, stateWord(n), ...workloadsOf(n).map((w) => w.name)].join(' ').toLowerCase();
  return all.filter((n) => words.every((word) => of(n).includes(word)));
}
