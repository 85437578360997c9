// A bidder lends CPU so that it may be taken back; another member buys it; the bidder takes it back on the page of the
// workload, and is told who gave it up. Axe looks at the ticket, the pool, the order and the workload.
import { answerTo } from './browser.mjs';

export async function walkRecallable(page, origin, look, { lender, buyer }) {
  const call = async (user, method, path, body) => {
    const headers = { authorization: `Bearer ${user.api_key}`, 'content-type': 'application/json', 'idempotency-key': `recallable-${path}-${Date.now()}`, ...(method === 'PUT' && { 'if-match': '*' }) };
    const sent = body === undefined ? { method, headers } : { method, headers, body: JSON.stringify(body) };
    const reply = await fetch(`${origin}/v1${path}`, sent);
    return reply.json();
  };
  const running = async (user) => (await call(user, 'GET', '/instances?limit=200')).data.filter((i) => i.state === 'running' && i.pool === 'fra1-gp');
  // One that has won capacity on another node is to go there: what it offers here waits.
  const leaving = async (user) => (await call(user, 'GET', '/awards?limit=200')).data.filter((a) => a.lines.some((l) => !l.settled)).map((a) => [a.instance, a.nodes]);
  const staying = async (user) => {
    const goes = await leaving(user);
    return (await running(user)).filter((i) => goes.every(([id, nodes]) => id !== i.id || nodes.every((node) => node === i.node)));
  };
  const theirs = await staying(buyer);
  const mine = (await staying(lender)).find((i) => theirs.some((t) => t.node === i.node));
  if (!mine) return { ok: false, fault: 'no two workloads that stay on one node' };
  const other = theirs.find((t) => t.node === mine.node);
  // Neither is to be taken elsewhere by its own automatic bids meanwhile.
  for (const [user, instance] of [[lender, mine], [buyer, other]]) await call(user, 'PUT', `/instances/${instance.id}/strategy`, {});
  const twin = `${mine.pool}~recallable`;
  await page.goto(`${origin}/pools/${twin}`);
  await page.getByText(/may be taken back in the middle of a slot/).first().waitFor({ timeout: 15_000 });
  const ticket = page.getByRole('form', { name: 'Order ticket' });
  await ticket.getByText('Offer mine').click();
  await ticket.getByLabel('Workload that lends').selectOption(mine.id);
  await ticket.getByLabel('CPU').fill('0.2');
  await ticket.getByLabel('From').selectOption({ index: 4 });
  await ticket.getByLabel(/^Least you take/).fill('0.02');
  const place = ticket.getByRole('button', { name: /^Place offer/ });
  await place.waitFor({ timeout: 15_000 });
  await look('recallable-ticket');
  const offer = await answerTo(page, 'POST', '/v1/offers', () => place.click());
  const bid = await call(buyer, 'POST', '/bids', { instance: other.id, window: offer.window, resources: { cpu_milli: 150 }, pools: [{ pool: other.pool }], assurance: 'recallable', limit: '1', resell: 'never' });
  await page.goto(`${origin}/workloads?workload=${mine.id}`);
  // What it lent before may be taken back as well, each in the row of its slot.
  const take = page.getByRole('row').filter({ hasText: offer.window.start_at.slice(11, 16) }).getByRole('button', { name: /^Take back .*core/ });
  await take.waitFor({ timeout: 30_000 });
  await look('recallable-workload');
  await take.click();
  await page.getByRole('button', { name: 'Take back', exact: true }).click();
  const told = page.getByText(/has .* again/).first();
  await told.waitFor({ timeout: 15_000 });
  await look('recallable-taken-back');
  // "Trade" opens the pool that was open last: the next walk is to find one with memory.
  await page.goto(`${origin}/pools/${mine.pool}`);
  await page.getByRole('form', { name: 'Order ticket' }).waitFor({ timeout: 15_000 });
  const award = (await call(buyer, 'GET', '/awards?limit=50')).data.find((a) => a.order === bid.id);
  return { ok: offer.assurance === 'recallable' && award?.lines[0]?.recalled === 150, pool: award?.lines[0]?.pool, recalled: award?.lines[0]?.recalled };
}
