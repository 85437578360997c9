// An admin has moves of a pool approved by a person, and no more: the switch shows what is in force, and says it.
export async function walkApproval(page, origin, look) {
  await page.goto(`${origin}/admin/pricing?pool=ams1-lp`);
  const control = page.getByRole('switch', { name: /approves every move/ });
  await control.waitFor({ timeout: 15_000 });
  const before = await control.getAttribute('aria-checked');
  const said = [];
  for (const [text, wanted, action] of [['Moves in ams1-lp: an operator approves each', 'true', 'Have them approved'], ['Moves in ams1-lp: nobody is asked', 'false', 'Ask nobody']]) {
    await control.click();
    await page.getByRole('dialog').getByRole('button', { name: action }).click();
    await page.getByText(text).first().waitFor({ timeout: 15_000 });
    await page.locator(`[role="switch"][aria-checked="${wanted}"]`).first().waitFor({ timeout: 15_000 });
    said.push(await control.getAttribute('aria-checked'));
    if (wanted === 'true') { await control.scrollIntoViewIfNeeded(); await look('approval'); }
  }
  return { ok: before === 'false' && said.join() === 'true,false', said };
}
