// Nodes in words: their states, their agents, and how far a drain is.
import { asSaid } from './api/problem';
import type { FullNode, LeavingNode, NodeWorkload } from './api/objects';
import { spanText } from './ago';
import { formatCount } from './money';

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
  return { tone: 'ok', word: 'Heard' };
}
export const needsHand = (n: FullNode): boolean => { const look = agentLook(n); return look !== null && look.tone !== 'ok'; };

/** Those with every word in their name, pool, state or workloads. */
export function matchingNodes(all: FullNode[], text: string): FullNode[] {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const of = (n: FullNode) => [n.name, n.pool, stateWord(n), ...workloadsOf(n).map((w) => w.name)].join(' ').toLowerCase();
  return all.filter((n) => words.every((word) => of(n).includes(word)));
}
