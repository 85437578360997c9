// A bidder bids in another pool for one of its workloads: the ticket says that it is carried off whole, the order
// names the pool and is all or none. Axe looks at ticket, order and workload.
import { placeBy } from './ticket.mjs';

export async function walkAway(page, origin, look) {
  await page.goto(`${origin}/workloads`);
  const workloads = await page.evaluate(async () => (await (await fetch('/v1/instances?limit=200')).json()).data);
  const pools = await page.evaluate(async () => (await (await fetch('/v1/pools')).json()).data.map((p) => p.slug));
  const own = workloads.find((i) => i.state === 'running');
  const elsewhere = pools.find((slug) => slug !== own.pool);
  await page.goto(`${origin}/pools/${elsewhere}`);
  const ticket = page.getByRole('form', { name: 'Order ticket' });
  await ticket.getByRole('button', { name: /Place bid, hold/ }).waitFor({ timeout: 15_000 });
  await ticket.getByLabel('Workload that grows').selectOption(own.id);
  await ticket.getByText(/carried off whole/).waitFor({ timeout: 15_000 });
  await ticket.getByRole('switch', { name: `${own.pool} will do as well` }).click();
  await ticket.getByLabel('CPU').fill('0.05');
  await ticket.getByLabel('Memory').fill('');
  await ticket.getByLabel('From').selectOption({ index: 4 });
  await ticket.getByLabel(/^Limit for/).fill('40');
  await ticket.getByText(/is carried whole: the bid buys/).waitFor({ timeout: 15_000 });
  await look('away-ticket');
  const bid = await placeBy(page, ticket, /Place bid, hold/);
  await page.goto(`${origin}/bids?order=${bid.id}`);
  await page.getByText(/filled|waits until its workload is home|needed at home|can’t be moved now|limit/i).first().waitFor({ timeout: 20_000 });
  await look('away-order');
  await page.goto(`${origin}/workloads?workload=${own.id}`);
  await page.getByText('Never more than').first().waitFor({ timeout: 15_000 });
  await look('away-workload');
  const named = bid.pools?.map((p) => p.pool).join();
  return { ok: named === `${own.pool},${elsewhere}` && bid.min_fill === '1.000000' && bid.instance === own.id, pools: named, min_fill: bid.min_fill };
}
