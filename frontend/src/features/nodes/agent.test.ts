import { expect, it } from 'vitest';
import { agentCommand, nodeCommand } from './agent';

const asked = { server: 'http://market:8080', name: '', pool: '' };
it('shows commands to copy before anything is typed', () => {
  expect(agentCommand(asked)).toBe('HEADROOM_KEY=xk_… headroom work --server http://market:8080 --node host-1');
  expect(nodeCommand(asked)).toContain(`http://market:8080/v1/nodes -d '{"name":"host-1","pool":"POOL","capacity":{"cpu_milli":8000},"properties":{"agent":1}}'`);
});
it('quotes what a shell would read otherwise', () => {
  expect(agentCommand({ ...asked, name: ' my host ' })).toContain("--node 'my host'");
  expect(nodeCommand({ ...asked, name: "o'brien", pool: 'hosts' })).toContain(String.raw`"name":"o'\''brien","pool":"hosts"`);
});
