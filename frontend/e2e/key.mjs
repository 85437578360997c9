// A tenant makes an API key that may only see the market, uses it, and revokes it: after that it is refused.
// Axe looks at the form, the secret, the key and the question.
export async function walkKey(page, origin, look) {
  const name = `walk-${Date.now().toString(36)}`;
  await page.goto(`${origin}/developers`);
  await page.getByRole('button', { name: 'New API key' }).first().click({ timeout: 15_000 });
  const form = page.getByRole('form', { name: 'New API key' });
  await form.getByLabel('Name').fill(name);
  for (const box of await form.getByRole('checkbox').all()) await box.setChecked(false);
  const held = await form.getByRole('button', { name: 'Make the key' }).isDisabled();
  await look('key-none');
  await form.getByLabel('market:read').check();
  await form.getByRole('button', { name: 'Make the key' }).click();
  const secret = await page.getByLabel('Secret', { exact: true }).inputValue({ timeout: 15_000 });
  const command = await page.getByLabel('Try it').inputValue();
  await look('key-secret');
  // From outside of the browser, so without its cookies.
  const use = (path, method = 'GET') => fetch(`${origin}${path}`, { method, headers: { Authorization: `Bearer ${secret}` } });
  const me = await (await use('/v1/me')).json();
  const beyond = (await use('/v1/bids')).status;
  await page.getByRole('button', { name: 'I have kept it' }).click();
  await page.getByRole('table', { name: 'API keys' }).getByRole('button', { name }).click();
  await look('key');
  const gone = !(await page.content()).includes(secret);
  await page.getByRole('button', { name: 'Revoke…' }).click();
  await look('key-revoke');
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke it' }).click();
  await page.getByRole('dialog').waitFor({ state: 'detached', timeout: 15_000 });
  const after = (await use('/v1/me')).status;
  return { ok: held && gone && command.includes(secret) && me.scopes?.join() === 'market:read' && beyond === 403 && after === 401, scopes: me.scopes, beyond, after };
}
