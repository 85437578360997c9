import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fullNodes } from '@/mocks/members';
import type { FullNode, LeavingNode } from './api/objects';
import { actsOf, agentLook, drainText, hostText, leavingText, matchingNodes, needsHand, stateWord } from './nodes';

const named = (name: string) => fullNodes.find((n) => n.name === name) as FullNode;
const draining = named('fra1-hp-04');
const leaving = (part: Partial<LeavingNode>) => leavingText({ step: 'blocked', reason: 'adopted', detail: '', ...part });

it('offers what can be done in each state', () => {
  expect(['up', 'cordoned', 'draining', 'down'].map(actsOf)).toEqual([['cordon', 'drain'], ['uncordon', 'drain'], ['uncordon'], []]);
});
it('counts what is still there, not what has left', () => {
  expect(drainText(draining)).toBe('3 workloads are still there: 1 blocked, 1 moving, 1 waiting.');
  expect(drainText({ ...draining, workloads: draining.workloads?.slice(0, 1) })).toBe('1 workload is still there: 1 moving.');
  const empty = { ...draining, workloads: [] };
  expect([drainText(empty), stateWord(empty), stateWord(draining), stateWord({ ...draining, state: 'sold_off' })]).toEqual(['Nothing runs there any more: its host can be switched off.', 'Drained', 'Draining', 'sold off']);
});
it('says why in the words of the server, or of the code', () => {
  expect([leaving({ detail: 'It waits for 200 cpu_milli.' }), leaving({}), leaving({ reason: 'sun_spots' })]).toEqual(['It waits for 0.2 cores.', 'It was adopted and stays here until it is stopped.', 'sun spots.']);
});
it('has a sentence for every reason of the server', () => {
  const server = readFileSync(join(process.cwd(), '../backend/server/src/http/nodes.rs'), 'utf8');
  const codes = [.../A stable code: (.*)\./.exec(server)?.[1]?.matchAll(/`([a-z_]+)`/g) ?? []].map((m) => m[1] as string);
  expect(codes.length).toBeGreaterThan(5);
  for (const reason of codes) expect(leaving({ reason }), reason).toMatch(/^[A-Z].*\.$/);
});
it('says of an agent whether it is heard, and what to do', () => {
  const words = (n: FullNode) => agentLook(n)?.word;
  expect(['fra1-gp-14', 'host-1', 'host-2', 'host-3'].map((name) => words(named(name)))).toEqual([undefined, 'Heard', 'Silent for 95 seconds', 'Limits nothing']);
  expect(words({ ...named('host-1'), agent: undefined })).toBe('Not heard yet');
  expect(agentLook(named('host-3'))?.note).toMatch(/^No control group can be made .*as root\.$/);
  const small = { ...named('host-1'), capacity: { cpu_milli: 9000 } };
  expect([words(small), agentLook(small)?.note]).toEqual(['Sells too much', expect.stringMatching(/9 cores for sale, its host has 8 cores/)]);
  expect(fullNodes.filter(needsHand).map((n) => n.name)).toEqual(['host-2', 'host-3']);
});
it('says how loaded a host is, and what its work waits for', () => {
  const host = named('host-1').agent?.host;
  expect(host && hostText(host)).toBe('6.2 of 8 cores busy, 9.0 GiB of 32.0 GiB free; 25 % of the time work waits for CPU');
});
it('finds nodes by name, pool, state and workload', () => {
  const found = (text: string) => matchingNodes(fullNodes, text).map((n) => n.name);
  expect([found('draining'), found('hel1 host-2'), found('orders-db'), found('no such')]).toEqual([['fra1-hp-04'], ['host-2'], ['host-1', 'worker-1'], []]);
});
