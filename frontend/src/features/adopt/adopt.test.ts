import { expect, it } from 'vitest';
import { type Candidate, Problem, type RunningJob, type RunningPod, type RunningProcess, type RunningVm } from '@/lib/api';
import { jobs, machines, pods, processes } from '@/mocks/candidates';
import { adoptedAs, allText, bodyOf, faultsOf, firstOf, inCores, isAtField, isMadeOf, leftText, matching, programOf, refusedText, saidAt, titleOf, whyNot } from './adopt';

const [postgres] = processes as [RunningProcess];
const [align] = jobs as [RunningJob];
const [checkout, database] = pods as [RunningPod, RunningPod];
const good = { ...firstOf(postgres), participant: 'par_1' };

it('names a program without its folder, and what names itself by the first word', () => {
  expect(['/usr/bin/python3 /srv/app.py', 'nginx: master process /usr/sbin/nginx', '-bash', 'sh -c "while :; do :; done"', '', `/opt/${'x'.repeat(120)}`].map(programOf)).toEqual(['python3', 'nginx', 'bash', 'sh', '', 'x'.repeat(100)]);
});
it('finds by parts of the command, and by how the number begins', () => {
  const found = (text: string, all: Candidate[] = processes) => matching(all, text).map((c) => (c.kind === 'process' ? c.pid : c.kind === 'pod' ? c.container : c.kind === 'vm' ? c.vm : c.job));
  expect([found(''), found('NGINX master'), found('424'), found('serve 153'), found('apache')]).toEqual([[4242, 977, 15_311], [977], [4242], [15_311], []]);
  expect([found('orders stateful', pods), found('checkout', pods)]).toEqual([['postgres', 'exporter'], ['app']]);
  expect([found('jonas', jobs), found('batch genomes', jobs), found('46', jobs)]).toEqual([[4698], [4711], [4698, 4650]]);
});
it('begins with what is proposed, and sends what was not typed only where it means something', () => {
  expect(firstOf(postgres)).toEqual({ name: 'postgres', participant: '', baseline: '1.6', floor: '0.8', limit: '', class: 'standard', lends: true });
  expect(bodyOf(postgres, firstOf(postgres))).toBeNull();
  expect(bodyOf(postgres, good)).toEqual({ pid: 4242, participant: 'par_1', name: 'postgres', class: 'standard', baseline: { cpu_milli: 1600 }, floor: { cpu_milli: 800 } });
  expect(bodyOf(postgres, { ...good, name: ' db ', limit: '4', lends: false })).toMatchObject({ name: 'db', limit: { cpu_milli: 4000 }, strategy: { auto_offer: null } });
});
it('says what can’t be before it is sent', () => {
  const fault = (part: Partial<typeof good>) => Object.values(faultsOf(postgres, { ...good, ...part })).filter(Boolean);
  expect([fault({}), fault({ name: ' ' }), fault({ floor: '0.005' }), fault({ floor: '1.7' }), fault({ limit: '1' }), fault({ baseline: '' }), fault({ baseline: '1,5' })]).toEqual([
    [], ['A name'], ['At least 0.01 cores: the kernel can’t hold it to less'], ['At most the baseline'], ['At least the baseline'], ['How much?'], ['Write 1.5 with a point'],
  ]);
  expect(bodyOf(postgres, { ...good, floor: '1.7' })).toBeNull();
});
it('finds the field of what the server says, and the workload that a process is already', () => {
  const of = (code: string, pointer: string, detail = 'No.') => new Problem({ title: 'No', status: 422, code, detail, errors: [{ pointer, code, detail }] });
  expect([saidAt(of('quota_exceeded', '/baseline/cpu_milli', 'The quota is 500 cpu_milli.'), 'baseline'), saidAt(of('class_not_allowed', '/class'), 'class'), saidAt(of('floor_below_driver', '/floor/cpu_milli'), 'floor')])
    .toEqual(['The quota is 0.5 cores.', 'No.', 'The kernel can’t hold it to less than 0.01 cores. Ask for that or more.']);
  expect([isAtField(of('name_out_of_range', '/name')), isAtField(of('candidate_not_found', '/pid'))]).toEqual([true, false]);
  expect([adoptedAs(of('already_adopted', '/pid', 'Process 7 is the workload ins_01abc (web) already.')), adoptedAs(of('other', '', 'ins_01abc'))]).toEqual(['ins_01abc', undefined]);
});
it('says why nothing can be adopted without saying that twice', () => {
  expect(['Nothing on host-1 can be adopted: its agent does not list it in time.', 'No process can be adopted here: no group.', 'Something else: 7.', undefined].map(whyNot)).toEqual(['Its agent does not list it in time.', 'No group.', 'Something else: 7.', '']);
});

it('counts a job in whole nodes and sends their cores', () => {
  const draft = { ...firstOf(align), participant: 'par_1' };
  expect([draft.name, draft.baseline, draft.floor, draft.limit, inCores(align, '3'), inCores(postgres, '3'), titleOf(align)]).toEqual(['align-genomes', '4', '4', '', '12 cores', undefined, 'align-genomes, job 4711']);
  expect(bodyOf(align, { ...draft, floor: '2', limit: '8' })).toEqual({ job: 4711, participant: 'par_1', name: 'align-genomes', class: 'standard', baseline: { cpu_milli: 16_000 }, floor: { cpu_milli: 8000 }, limit: { cpu_milli: 32_000 } });
  expect([allText(align, 66_000), allText(align, 1000), allText(postgres, 64_000)]).toEqual(['all 16 nodes', 'all 4 nodes', 'all of the node']);
});
it('refuses a part of a node and less than one', () => {
  const fault = (part: object) => Object.values(faultsOf(align, { ...firstOf(align), ...part })).filter(Boolean);
  expect([fault({ baseline: '2.5' }), fault({ floor: '0' }), fault({ floor: '5' }), fault({ limit: '3' }), fault({ baseline: '0', floor: '1' })]).toEqual([
    ['A whole number'], ['At least one node'], ['At most the baseline'], ['At least the baseline'], ['At least one node', 'At most the baseline'],
  ]);
  expect(bodyOf(align, { ...firstOf(align), participant: 'par_1', baseline: '2.5' })).toBeNull();
});
it('says why a job is refused, and how long it may still run', () => {
  expect([refusedText('its nodes are shared'), refusedText('it ends soon.')]).toEqual(['Not adoptable: its nodes are shared.', 'Not adoptable: it ends soon.']);
  expect([undefined, null, 1500, 79_200].map(leftText)).toEqual(['no limit', 'no limit', 'in 25 min', 'in 22 h']);
});
it('tells a workload of a job from one of a process', () => {
  const job = { adopted: { kind: 'slurm_job', cluster: 'c', job: 4242, submitted_at: 1, name: 'n', node_cpu_milli: 4000 } } as const;
  expect([isMadeOf(job, postgres), isMadeOf(job, { ...align, job: 4242 }), isMadeOf({}, postgres)]).toEqual([false, true, false]);
});

it('names a pod and its container, and calls the workload as its owner is called', () => {
  const draft = { ...firstOf(checkout), participant: 'par_1' };
  expect([draft.name, draft.baseline, draft.floor, draft.lends, titleOf(checkout), allText(checkout, 4000)]).toEqual(['checkout', '0.8', '0.4', true, 'app, pod checkout-7f9c4d-x2x8z', 'all of the node']);
  expect(bodyOf(checkout, draft)).toEqual({ pod: 'checkout-7f9c4d-x2x8z', container: 'app', participant: 'par_1', name: 'checkout', class: 'standard', baseline: { cpu_milli: 800 }, floor: { cpu_milli: 400 } });
  expect(firstOf({ ...checkout, owner: null }).name).toBe('checkout-7f9c4d-x2x8z');
});
it('tells a workload of a pod by the uid and the container', () => {
  const of = (part: object) => ({ adopted: { kind: 'pod', namespace: 'shop', name: database.pod, uid: database.uid, container: 'postgres', ...part } }) as const;
  expect([isMadeOf(of({}), database), isMadeOf(of({ uid: 'another' }), database), isMadeOf(of({ container: 'exporter' }), database), isMadeOf(of({}), postgres)]).toEqual([true, false, false, false]);
});

it('names a machine, sends its name, and knows it by its process', () => {
  const [runner] = machines as [RunningVm];
  const draft = { ...firstOf(runner), participant: 'par_1' };
  expect([draft.name, draft.lends, titleOf(runner), allText(runner, 4000), matching(machines, 'erp').map((v) => titleOf(v))]).toEqual(['build-runner', true, 'build-runner, virtual machine', 'all of its vCPUs', ['legacy-erp, virtual machine']]);
  expect(bodyOf(runner, draft)).toMatchObject({ vm: 'build-runner', participant: 'par_1', baseline: { cpu_milli: 2650 } });
  const of = (pid: number) => ({ adopted: { kind: 'vm', name: 'build-runner', vcpus: 4, process: { pid, started_ticks: 1, boot: 'b', command: 'qemu' } } }) as const;
  expect([isMadeOf(of(runner.pid), runner), isMadeOf(of(7), runner), isMadeOf(of(runner.pid), postgres)]).toEqual([true, false, false]);
});
