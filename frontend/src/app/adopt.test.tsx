// Add workloads: the list, the adoption, the form after a refusal, and the navigation by role.
import { QueryClientProvider } from '@tanstack/react-query';
import { createMemoryHistory, RouterProvider } from '@tanstack/react-router';
import { cleanup, fireEvent, render, screen, waitFor, within } from '@testing-library/react';
import { afterEach, expect, it, vi } from 'vitest';
import { forgetDrafts } from '@/lib/edit';
import { jobs, pods, processes } from '@/mocks/candidates';
import { fullNodes } from '@/mocks/members';
import { asRole } from '@/mocks/setup';
import { instances } from '@/mocks/swaps';
import { watchWrites } from '@/mocks/writes';
import { forget } from './identity';
import { queryClient } from './queryClient';
import { makeRouter } from './router';

vi.mock('@/components/charts/PlotCanvas', () => ({ default: () => null }));
window.scrollTo = () => {};
const had = structuredClone({ processes, jobs, pods, instances, fullNodes });
/** What reading the candidates is answered instead; 'never': nothing. */
let reading: { status: number; body: unknown } | 'never' | null = null;
const { sent, refuse } = watchWrites((path) => {
  if (!path.includes('/candidates') || reading === null) return undefined;
  return reading === 'never' ? new Promise(() => {}) : Promise.resolve(new Response(JSON.stringify(reading.body), { status: reading.status }));
});
afterEach(() => {
  cleanup(); forget(); forgetDrafts(); queryClient.clear(); reading = null; localStorage.clear();
  processes.splice(0, processes.length, ...structuredClone(had.processes)); jobs.splice(0, jobs.length, ...structuredClone(had.jobs)); pods.splice(0, pods.length, ...structuredClone(had.pods)); instances.splice(0, instances.length, ...structuredClone(had.instances)); fullNodes.splice(0, fullNodes.length, ...structuredClone(had.fullNodes));
});

const [FIRST, SECOND, CORDONED] = fullNodes.map((n) => n.id) as [string, string, string];
async function visit(path = `/add-workloads?node=${FIRST}`, role = 'operator') {
  asRole.role = role;
  const router = makeRouter(createMemoryHistory({ initialEntries: [path] }));
  render(<QueryClientProvider client={queryClient}><RouterProvider router={router} /></QueryClientProvider>);
  await waitFor(() => expect(screen.getAllByRole('heading', { level: 1 })).toHaveLength(1));
  return router;
}
const GENOMICS = 'par_01KAB6Q0ZX3F4QGENOM';
const rows = async () => (await screen.findAllByRole('row')).slice(1).map((r) => r.textContent ?? '');
const field = (label: string) => within(screen.getByRole('dialog')).getByLabelText(label) as HTMLInputElement;
const type = (label: string, value: string) => fireEvent.change(field(label), { target: { value } });
const begin = async () => { fireEvent.click(await screen.findByRole('button', { name: 'Adopt postgres, process 4242' })); await within(screen.getByRole('dialog')).findByRole('option', { name: 'Genomics Core' }); };
const send = () => screen.getByRole('button', { name: 'Adopt it' }) as HTMLButtonElement;

it('lists the processes of a node, the busiest first, with the workload that one is already', async () => {
  await visit();
  const table = await screen.findByRole('table', { name: 'Processes' });
  expect((await rows()).map((r) => r.slice(0, 8))).toEqual(['/usr/lib', 'python3 ', 'nginx: m']);
  const [busiest = ''] = await rows();
  expect(busiest).toMatch(/42421\.2400\.6102\.1007\d+ \w+ \d\d:\d\dAdopt…$/);
  expect(within(table).getByTitle(/postgresql\.conf$/)).toBeTruthy();
  expect(within(table).getByRole('link', { name: 'web-0' }).getAttribute('href')).toBe('/workloads?workload=ins_01KAB6Q0ZX3F4Q0');
  expect(within(table).getAllByRole('button', { name: /^Adopt / })).toHaveLength(2);
  expect(screen.getByText('read just now')).toBeTruthy();
});
it('finds one by its command or number, and says where none is found', async () => {
  await visit(`/add-workloads?node=${FIRST}&find=nginx`);
  expect(await rows()).toHaveLength(1);
  fireEvent.change(screen.getByLabelText('Filter'), { target: { value: '4242' } });
  await waitFor(async () => expect((await rows())[0]).toContain('postgres'));
  fireEvent.change(screen.getByLabelText('Filter'), { target: { value: 'apache' } });
  expect(await screen.findByText('No process matches “apache”. Type less, or clear the filter.')).toBeTruthy();
});
it('reads the list again when asked', async () => {
  await visit();
  await screen.findByRole('table', { name: 'Processes' });
  processes.splice(0, processes.length, { ...(had.processes[1] as (typeof processes)[number]), command: '/bin/fresh' });
  fireEvent.click(screen.getByRole('button', { name: 'Refresh' }));
  await waitFor(async () => expect(await rows()).toEqual([expect.stringContaining('/bin/fresh')]));
});
it('remembers the node that was looked at last, and shows none for a link to one that is not there', async () => {
  await visit('/add-workloads');
  expect((await screen.findByLabelText('Node') as HTMLSelectElement).value).toBe(FIRST);
  fireEvent.change(screen.getByLabelText('Node'), { target: { value: CORDONED } });
  await screen.findByRole('region', { name: 'Processes of fra1-gp-15' });
  cleanup(); forget(); queryClient.clear();
  await visit('/add-workloads');
  expect(await screen.findByRole('region', { name: 'Processes of fra1-gp-15' })).toBeTruthy();
  cleanup(); forget(); queryClient.clear();
  await visit('/add-workloads?node=nod_gone');
  expect(await screen.findByText('There is no node nod_gone.')).toBeTruthy();
  expect(screen.queryByRole('table')).toBeNull();
});

it('adopts with what is proposed, and leads to the workload', async () => {
  await visit();
  await begin();
  const dialog = screen.getByRole('dialog');
  expect(dialog.textContent).toContain('From now on the kernel holds it to its baseline. It is not restarted. Stopping the workload lifts the limit.');
  expect(['Name', 'Owner', 'Baseline, CPU', 'Floor, CPU', 'Never more than, CPU', 'Class'].map((label) => field(label).value)).toEqual(['postgres', '', '1.6', '0.8', '', 'standard']);
  expect(field('Never more than, CPU').placeholder).toBe('all of the node');
  expect(within(dialog).getByRole('switch', { name: 'Lend what it will not need' }).getAttribute('aria-checked')).toBe('true');
  expect([...field('Owner').querySelectorAll('option')].map((o) => o.textContent)).toEqual(['Choose one', 'Genomics Core', 'Checkout']);
  expect([send().disabled, dialog.textContent?.includes('Still needed: an owner')]).toEqual([true, true]);
  type('Owner', GENOMICS);
  fireEvent.click(send());
  await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
  expect(sent).toEqual([{ method: 'POST', path: `/v1/nodes/${FIRST}/adoptions`, key: null, body: { pid: 4242, participant: GENOMICS, name: 'postgres', class: 'standard', baseline: { cpu_milli: 1600 }, floor: { cpu_milli: 800 } } }]);
  const id = instances.at(-1)?.id;
  const note = (await screen.findByText('Open the workload')).closest('[role=status]');
  expect(note?.textContent).toContain('postgres is a workload now and always has 1.6 cores.');
  expect(screen.getByRole('link', { name: 'Open the workload' }).getAttribute('href')).toBe(`/workloads?workload=${id}`);
  await waitFor(() => expect(within(screen.getByRole('table')).getByRole('link', { name: 'postgres' }).getAttribute('href')).toBe(`/workloads?workload=${id}`));
  expect(screen.queryByRole('button', { name: 'Adopt postgres, process 4242' })).toBeNull();
});
it('sends a limit and that nothing is lent where somebody says so', async () => {
  await visit();
  await begin();
  type('Owner', GENOMICS);
  type('Name', 'orders-db');
  type('Never more than, CPU', '8');
  type('Class', 'opportunistic');
  fireEvent.click(screen.getByRole('switch', { name: 'Lend what it will not need' }));
  fireEvent.click(send());
  await waitFor(() => expect(sent[0]?.body).toMatchObject({ name: 'orders-db', limit: { cpu_milli: 8000 }, class: 'opportunistic', strategy: { auto_offer: null } }));
});
it('says at its field what the server refuses, and keeps what was typed', async () => {
  await visit();
  await begin();
  type('Owner', GENOMICS);
  type('Name', 'orders-db');
  type('Baseline, CPU', '90');
  fireEvent.click(send());
  await within(screen.getByRole('dialog')).findByText('The quota is 64 cores, 0 cores are in use, 90 cores were asked for. Ask an admin for more quota.');
  expect(field('Baseline, CPU').getAttribute('aria-invalid')).toBe('true');
  expect(within(screen.getByRole('dialog')).queryByRole('alert')).toBeNull();
  refuse({ status: 422, body: { title: 'No', status: 422, code: 'class_not_allowed', detail: 'Less.', errors: [{ pointer: '/class', code: 'class_not_allowed', detail: 'The highest class is standard.' }] } });
  type('Class', 'critical');
  fireEvent.click(send());
  await within(screen.getByRole('dialog')).findByText('The highest class is standard.');
  expect(['Name', 'Owner', 'Baseline, CPU', 'Class'].map((label) => field(label).value)).toEqual(['orders-db', GENOMICS, '90', 'critical']);
  // Also after a look elsewhere.
  fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  await begin();
  expect(['Name', 'Owner', 'Baseline, CPU', 'Floor, CPU'].map((label) => field(label).value)).toEqual(['orders-db', GENOMICS, '90', '0.8']);
});
it('says of a process that has ended what to do, and of one that is a workload which', async () => {
  await visit();
  await begin();
  type('Owner', GENOMICS);
  refuse({ status: 422, body: { title: 'No', status: 422, code: 'candidate_not_found', detail: 'No process.', errors: [{ pointer: '/pid', code: 'candidate_not_found', detail: 'No process.' }] } });
  fireEvent.click(send());
  expect((await screen.findByRole('alert')).textContent).toBe('It has ended. Go back, refresh the list and choose another one.');
  type('Name', 'orders-db');
  refuse({ status: 409, body: { title: 'Conflict', status: 409, code: 'already_adopted', detail: 'Process 4242 is the workload ins_01kab6q0zx3f4q (db) already. Restart that one if it is stopped.' } });
  fireEvent.click(send());
  expect((await screen.findByRole('link', { name: 'Open that workload' })).getAttribute('href')).toBe('/workloads?workload=ins_01kab6q0zx3f4q');
  expect(field('Name').value).toBe('orders-db');
});

it('says why a host lets nobody limit processes, and what to do, without an alarm', async () => {
  await visit(`/add-workloads?node=${SECOND}`);
  expect(await screen.findByText('No process of this host can be adopted.')).toBeTruthy();
  expect(screen.getByText(/^No control group can be made .* run headroom as root\. Change that on the host, then refresh\.$/)).toBeTruthy();
  expect([screen.queryByRole('alert'), screen.queryByRole('table')]).toEqual([null, null]);
  expect(screen.getByRole('button', { name: 'Refresh' })).toBeTruthy();
  fireEvent.change(screen.getByLabelText('Node'), { target: { value: FIRST } });
  expect(await screen.findByRole('table', { name: 'Processes' })).toBeTruthy();
});
it('waits, has nothing, fails and is old, and says each', async () => {
  reading = 'never';
  await visit();
  expect(await screen.findByRole('status', { name: 'Loading' })).toBeTruthy();
  cleanup(); forget(); queryClient.clear();
  reading = null;
  await visit(`/add-workloads?node=${CORDONED}`);
  expect(await screen.findByText('No process of this host can be adopted.')).toBeTruthy();
  expect(screen.getByText('Start a program on it, then refresh. Headroom’s own processes are left out.')).toBeTruthy();
  cleanup(); forget(); queryClient.clear();
  reading = { status: 422, body: { title: 'It failed', status: 422, code: 'internal_error', detail: 'Processes cannot be looked at. Tell the operator.' } };
  await visit();
  expect((await screen.findByRole('alert')).textContent).toContain('Processes cannot be looked at. Tell the operator.');
  reading = null;
  fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
  await screen.findByRole('table', { name: 'Processes' });
  reading = { status: 422, body: { title: 'It failed', status: 422, code: 'internal_error' } };
  fireEvent.click(screen.getByRole('button', { name: 'Refresh' }));
  expect((await screen.findByRole('alert')).textContent).toContain('The list could not be read again: it is old.');
});
it('says so where only the busiest are listed', async () => {
  reading = { status: 200, body: { object: 'list', has_more: false, data: Array.from({ length: 200 }, (_, i) => ({ ...had.processes[1], pid: 1000 + i })) } };
  await visit();
  expect(await screen.findByText('Only the 200 busiest processes are listed.')).toBeTruthy();
});

const CLUSTER = fullNodes.find((n) => n.agent?.driver === 'slurm')?.id ?? '';
it('lists the jobs of a cluster with their nodes', async () => {
  await visit(`/add-workloads?node=${CLUSTER}`);
  const table = await screen.findByRole('table', { name: 'Jobs' });
  expect([screen.getByRole('region', { name: 'Jobs of cluster-1' }) !== null, screen.queryByRole('table', { name: 'Processes' })]).toEqual([true, null]);
  const [newest = '', refused = '', done = ''] = await rows();
  expect(newest).toMatch(/^align-genomes4,?711inesbatch44 cores.*in 22 hAdopt…$/);
  expect(refused).toContain('Not adoptable: it was started with --exclusive=user, so that its nodes cannot be changed.');
  expect(done).toContain('weekly-report');
  expect(within(table).getByRole('link', { name: 'weekly-report' }).getAttribute('href')).toContain('/workloads?workload=');
  expect(within(table).getAllByRole('button', { name: /^Adopt / })).toHaveLength(1);
});
it('adopts a job with whole nodes, which lends nothing', async () => {
  await visit(`/add-workloads?node=${CLUSTER}`);
  fireEvent.click(await screen.findByRole('button', { name: 'Adopt align-genomes, job 4711' }));
  const dialog = screen.getByRole('dialog');
  await within(dialog).findByRole('option', { name: 'Genomics Core' });
  expect(['Name', 'Baseline, nodes', 'Floor, nodes', 'Never more than, nodes'].map((label) => field(label).value)).toEqual(['align-genomes', '4', '4', '']);
  expect([within(dialog).queryByRole('switch'), field('Never more than, nodes').placeholder]).toEqual([null, 'all 16 nodes']);
  type('Baseline, nodes', '3');
  await within(dialog).findByText('12 cores: what it always has');
  expect(within(dialog).getByText('At most the baseline')).toBeTruthy();
  type('Floor, nodes', '1.5');
  await within(dialog).findByText('A whole number');
  type('Floor, nodes', '3');
  type('Owner', GENOMICS);
  fireEvent.click(send());
  await screen.findByText('Open the workload');
  expect(sent).toEqual([{ method: 'POST', path: `/v1/nodes/${CLUSTER}/adoptions`, key: null, body: { job: 4711, participant: GENOMICS, name: 'align-genomes', class: 'standard', baseline: { cpu_milli: 12_000 }, floor: { cpu_milli: 12_000 } } }]);
  expect(screen.getByText('Open the workload').closest('[role=status]')?.textContent).toContain('align-genomes is a workload now and always has 12 cores: 3 nodes.');
  await waitFor(() => expect(within(screen.getByRole('table')).getByRole('link', { name: 'align-genomes' })).toBeTruthy());
});
it('says of a job what the server refuses about it', async () => {
  await visit(`/add-workloads?node=${CLUSTER}`);
  fireEvent.click(await screen.findByRole('button', { name: 'Adopt align-genomes, job 4711' }));
  await within(screen.getByRole('dialog')).findByRole('option', { name: 'Genomics Core' });
  type('Owner', GENOMICS);
  refuse({ status: 422, body: { title: 'No', status: 422, code: 'job_not_adoptable', detail: 'Job 4711 cannot be adopted: it ends.', errors: [{ pointer: '/job', code: 'job_not_adoptable', detail: 'Job 4711 cannot be adopted: it ends.' }] } });
  fireEvent.click(send());
  expect((await screen.findByRole('alert')).textContent).toBe('Job 4711 cannot be adopted: it ends.');
  type('Name', 'align');
  refuse({ status: 422, body: { title: 'No', status: 422, code: 'lot_not_whole', detail: 'x', errors: [{ pointer: '/baseline/cpu_milli', code: 'lot_not_whole', detail: 'Ask for a multiple of 8000.' }] } });
  fireEvent.click(send());
  await within(screen.getByRole('dialog')).findByText('A job has whole nodes only. Ask for a multiple of one node.');
});
it('says that a list of jobs is old', async () => {
  await visit(`/add-workloads?node=${CLUSTER}`);
  await screen.findByRole('table', { name: 'Jobs' });
  reading = { status: 422, body: { title: 'It failed', status: 422, code: 'internal_error' } };
  fireEvent.click(screen.getByRole('button', { name: 'Refresh' }));
  expect((await screen.findByRole('alert')).textContent).toContain('it is old. Refresh it before you adopt a job.');
});
const WORKER = fullNodes.find((n) => n.agent?.driver === 'kubernetes')?.id ?? '';
it('lists the pods of a node with why some are none, and adopts a container', async () => {
  await visit(`/add-workloads?node=${WORKER}`);
  const table = await screen.findByRole('table', { name: 'Pods' });
  expect([screen.getByRole('region', { name: 'Pods of worker-1' }) !== null, screen.queryByRole('table', { name: 'Processes' })]).toEqual([true, null]);
  const all = await rows();
  expect(all[0]).toMatch(/^checkout-7f9c4d-x2x8zappDeployment checkout0\.6200\.5001\.000.*Adopt…$/);
  expect(all.find((r) => r.includes('log-shipper'))).toContain('Not adoptable: it serves its node for the DaemonSet log-shipper.');
  expect(all.find((r) => r.includes('exporter'))).toContain('–');
  expect(within(table).getByRole('link', { name: 'orders-db' }).getAttribute('href')).toContain('/workloads?workload=');
  expect(within(table).getAllByRole('button', { name: /^Adopt / })).toHaveLength(1);
  fireEvent.click(screen.getByRole('button', { name: 'Adopt app, pod checkout-7f9c4d-x2x8z' }));
  const dialog = screen.getByRole('dialog');
  await within(dialog).findByRole('option', { name: 'Genomics Core' });
  expect(dialog.textContent).toContain('Deployment checkout, namespace shop, a limit of 1 core now');
  type('Owner', GENOMICS);
  fireEvent.click(send());
  await screen.findByText('Open the workload');
  expect(sent).toEqual([{ method: 'POST', path: `/v1/nodes/${WORKER}/adoptions`, key: null, body: { pod: 'checkout-7f9c4d-x2x8z', container: 'app', participant: GENOMICS, name: 'checkout', class: 'standard', baseline: { cpu_milli: 800 }, floor: { cpu_milli: 400 } } }]);
  await waitFor(() => expect(within(screen.getByRole('table')).getByRole('link', { name: 'checkout' })).toBeTruthy());
});
const MACHINES = fullNodes.find((n) => n.agent?.driver === 'qemu')?.id ?? '';
it('lists the virtual machines of a host, and adopts one', async () => {
  await visit(`/add-workloads?node=${MACHINES}`);
  const table = await screen.findByRole('table', { name: 'Virtual machines' });
  const all = await rows();
  expect(all[0]).toMatch(/^build-runnerrunning, by KVM42\.1002\.100.*Adopt…$/);
  expect(all.find((r) => r.includes('legacy-erp'))).toContain('Not adoptable: /run/machines/legacy-erp.qmp is in use');
  expect(within(table).getByRole('link', { name: 'mail' }).getAttribute('href')).toContain('/workloads?workload=');
  fireEvent.click(screen.getByRole('button', { name: 'Adopt build-runner, virtual machine' }));
  const dialog = screen.getByRole('dialog');
  await within(dialog).findByRole('option', { name: 'Genomics Core' });
  expect(dialog.textContent).toContain('4 vCPUs, run by KVM, 8 GiB of memory');
  type('Owner', GENOMICS);
  fireEvent.click(send());
  await screen.findByText('Open the workload');
  expect(sent).toMatchObject([{ method: 'POST', path: `/v1/nodes/${MACHINES}/adoptions`, body: { vm: 'build-runner', participant: GENOMICS, name: 'build-runner', baseline: { cpu_milli: 2650 } } }]);
  await waitFor(() => expect(within(screen.getByRole('table')).getByRole('link', { name: 'build-runner' })).toBeTruthy());
});
it('leads to an agent that lists nothing', async () => {
  await visit(`/add-workloads?node=${fullNodes.find((n) => n.agent?.is_silent)?.id}`);
  expect(await screen.findByText(/^Its agent does not list it in time\. Change that on the host, then refresh\./)).toBeTruthy();
  expect(screen.getByRole('link', { name: 'Look at its agent' }).getAttribute('href')).toBe('/nodes?find=host-2');
});

it('is for the operator and admins alone, who find it in the navigation', async () => {
  for (const role of ['operator', 'admin']) {
    await visit('/', role);
    expect((await screen.findByRole('link', { name: 'Add workloads' })).getAttribute('href'), role).toBe('/add-workloads');
    cleanup(); forget(); queryClient.clear();
  }
  for (const role of ['bidder', 'tenant', 'finance']) {
    await visit('/add-workloads', role);
    expect(screen.getByText('Your role does not include this page.')).toBeTruthy();
    expect(screen.getByText(/^Roles that see it: admin and operator of the operator\./)).toBeTruthy();
    expect(screen.queryByRole('link', { name: 'Add workloads' }), role).toBeNull();
    cleanup(); forget(); queryClient.clear();
  }
});
