// Replies that stream and every way in which they fail, on the scripted server.

import { collectRequestIds, expect, gate, scripted as test } from '../support/fixture.js';

const LONG = Array.from({ length: 40 }, (_, index) => `word${index + 1}`).join(' ');

test('a reply grows word by word, is announced, and is shown after a reload', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Good morning to you', after: 2, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('Good morning')).toHaveAttribute('data-state', 'streaming');
  await expect(chat.reply('Good morning').locator('.body')).toHaveText('Good morning ');
  await expect(chat.log).toHaveAttribute('aria-busy', 'true');
  await expect(page.getByRole('status')).toHaveText('Assistant is replying.');
  await expect(chat.stopButton).toBeVisible();
  await expect(chat.sendButton).toBeHidden();
  await expect(chat.message).toBeFocused();
  open();
  await expect(chat.reply('Good morning to you')).toHaveAttribute('data-state', 'stored');
  await expect(chat.log).toHaveAttribute('aria-busy', 'false');
  await expect(page.getByRole('status')).toHaveText('The reply is complete.');
  await expect(chat.sendButton).toBeVisible();
  await expect(chat.stopButton).toBeHidden();
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.reply('Good morning to you')).toBeVisible();
});

test('a reply that breaks off keeps its text, and Retry results in one message and one reply', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION/);
  // When a connection breaks, a browser drops unread data, so the connection is cut after the words are visible.
  const { opened, open } = gate();
  program.plan(name, { text: LONG, after: 3, gate: opened, cut: true, lost: true }, { text: 'Here it is in full' });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  const partial = chat.reply('word1 word2 word3');
  await expect(partial).toBeVisible();
  open();
  await expect(partial).toHaveAttribute('data-state', 'cut');
  await expect(partial.getByRole('alert')).toHaveText('The reply broke off.');
  await expect(chat.userMessage('Hello')).toHaveCount(1);
  await partial.getByRole('button', { name: 'Try again' }).click();
  await expect(chat.reply('Here it is in full')).toHaveAttribute('data-state', 'stored');
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.message).toBeFocused();
  await page.reload();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Here it is in full']);
  expect(ids).toEqual([ids[0], ids[0]]);
});

test('a reply that is completed after the connection was lost is shown automatically', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION/);
  // Cut after the first word is visible: before the message is accepted, the page would send it again.
  const { opened, open } = gate();
  program.plan(name, { text: 'Finished all the same', after: 1, gate: opened, cut: true });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  await expect(chat.reply('Finished')).toBeVisible();
  open();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Finished all the same']);
  expect(ids).toHaveLength(1);
});

for (const [when, after] of [
  ['immediately', 0],
  ['during a reply', 2],
]) {
  test(`a model that fails ${when} leaves the message stored, shows an error, and Retry requests the reply`, async ({
    page,
    chat,
    name,
    program,
  }) => {
    program.plan(name, { text: LONG, after, fails: true }, { text: 'Better now' });
    await page.goto('/');
    await chat.create(name);
    const ids = collectRequestIds(page);
    await chat.send('Hello');
    const row = after === 0 ? chat.userMessage('Hello') : chat.reply('word1 word2');
    await expect(row.getByRole('alert')).toHaveText(/The model cannot be reached\. Try again in a minute\.$/);
    await expect(chat.userMessage('Hello')).not.toContainText('Not sent');
    await expect(row.getByRole('button')).toHaveText(['Copy', 'Try again']);
    await expect(chat.sendButton).toBeVisible();
    await row.getByRole('button', { name: 'Try again' }).click();
    await chat.replied();
    await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Better now']);
    expect(ids).toEqual([ids[0], ids[0]]);
  });
}

test('a reply that ends at the length limit is marked', async ({ page, chat, name, program }) => {
  program.plan(name, { text: 'And then', finish: 'length' });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('And then')).toContainText('Ended at the length limit');
});
