// An admin tries a dearer reserve price on the rounds so far: the answer comes, with its picture and who
// would have got less; nothing is scheduled. Axe looks at what the plain page does not show.
export async function walkReserve(page, origin, look) {
  await page.goto(`${origin}/admin/pricing`);
  const button = page.getByRole('button', { name: 'Simulate' });
  await button.waitFor({ timeout: 15_000 });
  const before = await page.getByRole('table', { name: 'History of reserve prices' }).getByRole('row').count();
  await page.getByLabel('Price of step 1').fill('1.2');
  for (let step = 2; await page.getByLabel(`Price of step ${step}`).count() > 0; step += 1) await page.getByLabel(`Price of step ${step}`).fill(String(1 + step));
  await page.getByLabel('Try it on').selectOption('20');
  await button.click();
  const answer = page.getByText(/the operator would have sold/).or(page.getByText('There is no past round to replay.'));
  await answer.first().waitFor({ timeout: 40_000 });
  await look('simulated');
  const said = (await answer.first().innerText()).replaceAll(/\s+/g, ' ');
  await page.getByRole('button', { name: /as a table$/ }).first().click();
  await look('simulated-table');
  const after = await page.getByRole('table', { name: 'History of reserve prices' }).getByRole('row').count();
  return { ok: before === after && before > 1, said };
}
