import { expect, it } from 'vitest';
import { RESOURCES } from '@/lib/money';
import { type Allowed, bodyOf, changesOf, faultOf, textsOf } from './allowance';

const NOW: Allowed = { quota: { cpu_milli: 40_001, mem_mib: 40_000, tape_tib: 7 }, instance_limit: 64, highest_class: 'standard' };

it('sends every resource, what was not typed exactly as it is, also one that it does not know', () => {
  const body = bodyOf(NOW, { cpu_milli: '60' });
  expect(Object.keys(body?.quota ?? {}).toSorted()).toEqual([...RESOURCES, 'tape_tib'].toSorted());
  expect(body).toEqual({ quota: { cpu_milli: 60_000, mem_mib: 40_000, gpu_milli: 0, storage_gib: 0, io_mbps: 0, net_mbps: 0, tape_tib: 7 } });
  expect(bodyOf(NOW, { gpu_milli: '2', instance_limit: '8', highest_class: 'critical' })).toMatchObject({ quota: { gpu_milli: 2000 }, instance_limit: 8, highest_class: 'critical' });
});
it('what is shown and sent again unchanged changes nothing', () => {
  const body = bodyOf(NOW, textsOf(NOW, {}));
  expect(body?.quota).toMatchObject(NOW.quota);
  expect(changesOf(NOW, body as NonNullable<typeof body>)).toEqual([]);
});
it('says what would be different, and what would be less', () => {
  const body = bodyOf(NOW, { cpu_milli: '30', gpu_milli: '1', instance_limit: '63', highest_class: 'critical' });
  expect(changesOf(NOW, body as NonNullable<typeof body>)).toMatchObject([
    { what: 'CPU', from: '40.001 cores', to: '30 cores', less: true }, { what: 'GPU', from: '0 devices', to: '1 device', less: false },
    { what: 'Workloads', from: '64', to: '63', less: true }, { what: 'Highest class', from: 'standard', to: 'critical', less: false },
  ]);
});
it('sends nothing that can be read in two ways, is empty, or is more than the server takes', () => {
  for (const text of ['', '1,5', '-1', 'x', '0.0001', '1000000001']) {
    expect(faultOf('cpu_milli', text), text).toBeTruthy();
    expect(bodyOf(NOW, { cpu_milli: text }), text).toBeNull();
  }
  for (const text of ['', '1.5', '10001']) expect(bodyOf(NOW, { instance_limit: text }), text).toBeNull();
});
