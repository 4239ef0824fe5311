// Stop, which cancels the running turn, and messages that are sent during a turn, on the scripted server.

import { Chat, collectRequestIds, expect, gate, pathOf, scripted as test } from '../support/fixture.js';

/** Opens the session in another tab. */
async function openOther(context, name, expectedErrors) {
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.user).toHaveText(name);
  return other;
}

test('Stop cancels the turn, and the reply stays as far as it has come', async ({
  page,
  context,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  program.plan(name, { text: 'A long story short', after: 2, gate: gate().opened }, { text: 'The next one' });
  await page.goto('/');
  await chat.create(name);
  const other = await openOther(context, name, expectedErrors);
  await chat.send('Tell me a story');
  for (const one of [chat, other]) await expect(one.reply('A long')).toHaveAttribute('data-state', 'streaming');
  await chat.stopButton.click();
  for (const one of [chat, other]) {
    await expect(one.reply('A long')).toHaveAttribute('data-state', 'stopped');
    await expect(one.reply('A long')).toContainText('Stopped');
    await expect(one.rows.locator('.body')).toHaveText(['Tell me a story', 'A long']);
    await expect(one.page.getByRole('status')).toHaveText('The reply was stopped.');
    await expect(one.stopButton).toBeHidden();
    await expect(one.sendButton).toBeVisible();
  }
  await expect(chat.message).toBeFocused();
  await chat.say('Go on');
  await expect(chat.reply('The next one')).toBeVisible();
});

for (const where of ['in another tab', 'after a reload']) {
  test(`Stop ${where} cancels the turn too`, async ({ page, context, chat, name, program, expectedErrors }) => {
    program.plan(name, { text: 'A long story short', after: 2, gate: gate().opened });
    await page.goto('/');
    await chat.create(name);
    await chat.send('Tell me a story');
    await expect(chat.reply('A long')).toBeVisible();
    if (where === 'after a reload') await page.reload();
    const stopping = where === 'after a reload' ? chat : await openOther(context, name, expectedErrors);
    await stopping.stopButton.click();
    for (const one of [chat, stopping]) {
      await expect(one.reply('A long')).toHaveAttribute('data-state', 'stopped');
      await expect(one.rows).toHaveCount(2);
      await expect(one.stopButton).toBeHidden();
    }
  });
}

test('Stop before the reply begins leaves the message, and the reply can be requested again', async ({
  page,
  chat,
  name,
  program,
}) => {
  program.plan(name, { text: 'Too late', after: 0, gate: gate().opened }, { text: 'On second thought' });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  await chat.stopButton.click();
  const row = chat.userMessage('Hello');
  await expect(row).toContainText('The reply was stopped before it began.');
  await expect(row.getByRole('alert')).toHaveCount(0);
  await page.reload();
  await expect(row).toContainText('The reply was stopped before it began.');
  await row.getByRole('button', { name: 'Try again' }).click();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'On second thought']);
  expect(ids).toEqual([ids[0], ids[0]]);
});

test('a call to stop that fails is retried, and one that is rejected is explained', async ({
  page,
  chat,
  name,
  program,
}) => {
  program.plan(name, { text: 'A long story short', after: 2, gate: gate().opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Tell me a story');
  await expect(chat.reply('A long')).toBeVisible();
  await chat.failCalls('**/chat/cancel', { status: 500, reason: 'INTERNAL', detail: 'an internal error', times: 1 });
  await chat.stopButton.click();
  await expect(chat.banner('notice')).toContainText('The reply could not be stopped. Something went wrong');
  await expect(chat.reply('A long')).toHaveAttribute('data-state', 'streaming');
  await chat.failCalls('**/chat/cancel', {
    status: 503,
    reason: 'STORE_UNAVAILABLE',
    times: 1,
    headers: { 'retry-after': '300' },
  });
  await chat.stopButton.click();
  await expect(chat.reply('A long')).toContainText('Stopping…');
  await chat.banner('waiting').getByRole('button', { name: 'Try now' }).click();
  await expect(chat.reply('A long')).toHaveAttribute('data-state', 'stopped');
});

test('closing the tab does not cancel', async ({ page, context, chat, name, program, expectedErrors }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Still here', after: 1, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('Still')).toBeVisible();
  await page.close();
  open();
  const other = await openOther(context, name, expectedErrors);
  await other.replied();
  await expect(other.rows.locator('.body')).toHaveText(['Hello', 'Still here']);
});

test('messages that are sent during a reply are queued, survive a reload, and are sent in order', async ({
  page,
  chat,
  name,
  program,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'One thing first', after: 1, gate: opened }, { text: 'Second' }, { text: 'Third' });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('first');
  await expect(chat.stopButton).toBeVisible();
  await expect(chat.sendButton).toBeHidden();
  await expect(page.getByText('waits until this reply is complete')).toBeVisible();
  await chat.message.fill('second');
  await expect(chat.sendButton).toBeVisible();
  await chat.sendButton.click();
  await expect(chat.message).toHaveValue('');
  await expect(chat.message).toBeFocused();
  await expect(chat.sendButton).toBeHidden();
  await chat.message.fill('third');
  await chat.message.press('Enter');
  for (const text of ['second', 'third']) await expect(chat.userMessage(text)).toContainText('Sends after this reply');
  await expect(page.locator('.banner')).toHaveCount(0);
  await page.reload();
  await expect(chat.reply('One')).toHaveAttribute('data-state', 'streaming');
  for (const text of ['second', 'third']) await expect(chat.userMessage(text)).toHaveAttribute('data-state', 'queued');
  open();
  await expect(chat.reply('Third')).toHaveAttribute('data-state', 'stored');
  await expect(chat.rows.locator('.body')).toHaveText([
    'first',
    'One thing first',
    'second',
    'Second',
    'third',
    'Third',
  ]);
  expect(new Set(ids).size).toBe(3);
  expect(ids).toHaveLength(3);
});

test('a message that is sent during the reply of another tab is queued, and sent after it', async ({
  page,
  context,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'The first reply', after: 1, gate: opened }, { text: 'The second reply' });
  await page.goto('/');
  await chat.create(name);
  const other = await openOther(context, name, expectedErrors);
  await chat.send('first');
  await expect(other.stopButton).toBeVisible();
  await other.message.fill('second');
  await other.message.press('Enter');
  await expect(other.userMessage('second')).toHaveAttribute('data-state', 'queued');
  await expect(chat.userMessage('second')).toHaveCount(0);
  open();
  for (const one of [chat, other]) {
    await expect(one.reply('The second reply')).toHaveAttribute('data-state', 'stored');
    await expect(one.rows.locator('.body')).toHaveText(['first', 'The first reply', 'second', 'The second reply']);
  }
});

test('a queued message can be removed, and another one taken back into the message box', async ({
  page,
  chat,
  name,
  program,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'One moment', after: 1, gate: opened });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('first');
  await expect(chat.stopButton).toBeVisible();
  for (const text of ['never mind', 'nearly right']) {
    await chat.message.fill(text);
    await chat.message.press('Enter');
  }
  await chat.userMessage('never mind').getByRole('button', { name: 'Remove' }).click();
  await expect(chat.userMessage('never mind')).toHaveCount(0);
  await expect(chat.message).toBeFocused();
  await chat.userMessage('nearly right').getByRole('button', { name: 'Take back' }).click();
  await expect(chat.message).toHaveValue('nearly right');
  await expect(chat.rows).toHaveCount(2);
  open();
  await chat.replied();
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.message).toHaveValue('nearly right');
  expect(ids).toHaveLength(1);
});

test('after Stop, the queued message is sent', async ({ page, chat, name, program }) => {
  program.plan(name, { text: 'The first reply', after: 1, gate: gate().opened }, { text: 'The second reply' });
  await page.goto('/');
  await chat.create(name);
  await chat.send('first');
  await expect(chat.reply('The')).toBeVisible();
  await chat.message.fill('second');
  await chat.message.press('Enter');
  await chat.stopButton.click();
  await expect(chat.reply('The second reply')).toHaveAttribute('data-state', 'stored');
  await expect(chat.rows.locator('.body')).toHaveText(['first', 'The', 'second', 'The second reply']);
});
