// An admin makes a participant with a user and credits, changes its quota, and halts and resumes a pool.
// Axe looks at the forms and the questions. What is made stays: participants can't be removed.
export async function walkMember(page, origin, look) {
  const name = `Walk ${Date.now().toString(36)}`;
  await page.goto(`${origin}/admin/participants`);
  await page.getByRole('button', { name: 'New participant' }).first().click({ timeout: 15_000 });
  const form = page.getByRole('form', { name: 'New participant' });
  await form.getByLabel('CPU').fill('1,5');
  await look('participant-faults');
  await form.getByLabel('CPU').fill('2');
  await form.getByLabel('Name').fill(name);
  await form.getByRole('button', { name: 'Make the participant' }).click();
  await page.getByRole('button', { name: 'New user' }).click({ timeout: 15_000 });
  const user = page.getByRole('form', { name: 'New user' });
  const email = `${name.replace(' ', '-').toLowerCase()}@demo.example.org`;
  await user.getByLabel('E-mail').fill(email);
  await user.getByLabel('Name').fill('Walker');
  await user.getByRole('button', { name: 'Make one up' }).click();
  await look('user');
  await user.getByRole('button', { name: 'Make the user' }).click();
  const password = await page.getByLabel(`For ${email}`).inputValue({ timeout: 15_000 });
  await look('user-password');
  await page.getByRole('button', { name: 'I have handed it over' }).click();
  const credits = page.getByRole('form', { name: 'Credits' });
  await credits.getByLabel('Amount to grant').fill('12.5');
  await credits.getByRole('button', { name: 'Grant 12.50 cr' }).click();
  await page.getByRole('button', { name: 'Grant it' }).click();
  await credits.getByText('12.50 cr available').waitFor({ timeout: 15_000 });
  const quota = page.getByRole('form', { name: 'Quota' });
  await quota.getByLabel('Memory').fill('3');
  await quota.getByRole('button', { name: 'Set the quota…' }).click();
  await page.getByRole('dialog').getByText('Memory: 0 GiB → 3 GiB').waitFor({ timeout: 15_000 });
  await look('quota');
  await page.getByRole('button', { name: 'Set it' }).click();
  await page.getByRole('table', { name: 'Participants' }).getByRole('row').filter({ hasText: name }).getByText('2 cores, 3 GiB').waitFor({ timeout: 15_000 });
  const signedIn = (await fetch(`${origin}/v1/auth/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ email, password }) })).status;
  return { ok: signedIn === 200 && await walkHalt(page, origin, look), participant: name };
}

/** The smallest market that there is in the demo, so that no other walk misses a round of its pool. */
async function walkHalt(page, origin, look) {
  await page.goto(`${origin}/pools/fra1-gp~recallable`);
  await page.getByRole('button', { name: 'Halt…' }).click({ timeout: 15_000 });
  await page.getByLabel(/^Reason/).fill('a walk');
  await look('halt');
  await page.getByRole('button', { name: 'Halt the pool' }).click();
  await page.getByText('Halted', { exact: true }).waitFor({ timeout: 15_000 });
  await page.getByRole('button', { name: 'Resume…' }).click();
  await look('resume');
  await page.getByRole('button', { name: 'Resume the pool' }).click();
  await page.getByRole('button', { name: 'Halt…' }).waitFor({ timeout: 15_000 });
  return true;
}
