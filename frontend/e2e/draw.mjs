// A bidder looks what one of its workloads could have at once: there is an offer that can be filled in, or a reason and the
// way to the ticket. Nothing is taken: what is free at a moment is chance.
export async function walkDraw(page, origin, look) {
  await page.goto(`${origin}/workloads`);
  const workloads = await page.evaluate(async () => (await (await fetch('/v1/instances?limit=200')).json()).data);
  const own = workloads.find((i) => i.state === 'running' && !i.suspended && !i.away);
  if (!own) return { ok: false, fault: 'no workload that runs at home' };
  await page.goto(`${origin}/workloads?workload=${own.id}`);
  const panel = page.getByRole('region', { name: 'Take more now' });
  const offer = panel.getByRole('button', { name: 'Take it' }).first();
  const reason = panel.getByText('Nothing can be had now.');
  await offer.or(reason).first().waitFor({ timeout: 15_000 });
  await look('draw');
  // Either of them: with the end of a slot an offer becomes a reason, and back.
  const fill = panel.getByRole('button', { name: 'All that is free' });
  await fill.or(panel.getByRole('link', { name: 'Bid for the slots that come' })).first().waitFor({ timeout: 15_000 });
  return { ok: true, offered: await offer.isVisible() };
}
