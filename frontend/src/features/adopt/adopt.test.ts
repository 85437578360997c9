import { expect, it } from 'vitest';
import { Problem, type RunningProcess } from '@/lib/api';
import { processes } from '@/mocks/processes';
import { adoptedAs, agoText, bodyOf, faultsOf, firstOf, isAtField, matching, programOf, saidAt, whyNot } from './adopt';

const [postgres] = processes as [RunningProcess];
const good = { ...firstOf(postgres), participant: 'par_1' };

it('names a program without its folder, and what names itself by the first word', () => {
  expect(['/usr/bin/python3 /srv/app.py', 'nginx: master process /usr/sbin/nginx', '-bash', 'sh -c "while :; do :; done"', '', `/opt/${'x'.repeat(120)}`].map(programOf)).toEqual(['python3', 'nginx', 'bash', 'sh', '', 'x'.repeat(100)]);
});
it('finds by parts of the command, and by how the number begins', () => {
  const found = (text: string) => matching(processes, text).map((p) => p.pid);
  expect([found(''), found('NGINX master'), found('424'), found('serve 153'), found('apache')]).toEqual([[4242, 977, 15_311], [977], [4242], [15_311], []]);
});
it('says how old something is in words', () => {
  expect([0, 12, 119, 120, 3600, 7200, 100_000].map(agoText)).toEqual(['just now', '12 seconds ago', '119 seconds ago', '2 minutes ago', '60 minutes ago', '2 hours ago', '27 hours ago']);
});
it('begins with what is proposed, and sends what was not typed only where it means something', () => {
  expect(firstOf(postgres)).toEqual({ name: 'postgres', participant: '', baseline: '1.6', floor: '0.8', limit: '', class: 'standard', lends: true });
  expect(bodyOf(postgres, firstOf(postgres))).toBeNull();
  expect(bodyOf(postgres, good)).toEqual({ pid: 4242, participant: 'par_1', name: 'postgres', class: 'standard', baseline: { cpu_milli: 1600 }, floor: { cpu_milli: 800 } });
  expect(bodyOf(postgres, { ...good, name: ' db ', limit: '4', lends: false })).toMatchObject({ name: 'db', limit: { cpu_milli: 4000 }, strategy: { auto_offer: null } });
});
it('says what can’t be before it is sent', () => {
  const fault = (part: Partial<typeof good>) => Object.values(faultsOf({ ...good, ...part })).filter(Boolean);
  expect([fault({}), fault({ name: ' ' }), fault({ floor: '0.005' }), fault({ floor: '1.7' }), fault({ limit: '1' }), fault({ baseline: '' }), fault({ baseline: '1,5' })]).toEqual([
    [], ['A name'], ['At least 0.01 cores: the kernel can’t hold it to less'], ['At most the baseline'], ['At least the baseline'], ['How much?'], ['Write 1.5 with a point'],
  ]);
  expect(bodyOf(postgres, { ...good, floor: '1.7' })).toBeNull();
});
it('finds the field of what the server says, and the workload that a process is already', () => {
  const of = (code: string, pointer: string, detail = 'No.') => new Problem({ title: 'No', status: 422, code, detail, errors: [{ pointer, code, detail }] });
  expect([saidAt(of('quota_exceeded', '/baseline/cpu_milli', 'The quota is 500 cpu_milli.'), 'baseline'), saidAt(of('class_not_allowed', '/class'), 'class'), saidAt(of('floor_below_driver', '/floor/cpu_milli'), 'floor')])
    .toEqual(['The quota is 0.5 cores.', 'No.', 'The kernel holds a process to 0.01 cores at least. Ask for that or more.']);
  expect([isAtField(of('name_out_of_range', '/name')), isAtField(of('process_not_found', '/pid'))]).toEqual([true, false]);
  expect([adoptedAs(of('process_adopted', '/pid', 'Process 7 is the workload ins_01abc (web) already.')), adoptedAs(of('other', '', 'ins_01abc'))]).toEqual(['ins_01abc', undefined]);
});
it('says why nothing can be adopted without saying that twice', () => {
  expect(['No process of fra1 can be adopted: its agent does not list them in time.', 'No process can be adopted here: no group.', 'Something else: 7.', undefined].map(whyNot)).toEqual(['Its agent does not list them in time.', 'No group.', 'Something else: 7.', '']);
});
