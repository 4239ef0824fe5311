// Pending replies: after a reload, in another tab and in the background, on the scripted server.

import { stopClock } from '../support/clock.js';
import { Chat, collectRequestIds, expect, gate, pathOf, scripted as test } from '../support/fixture.js';

const LONG = Array.from({ length: 40 }, (_, index) => `word${index + 1}`).join(' ');

test('a message waits for a turn in progress elsewhere and is sent once', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 409 /);
  program.plan(name, { reject: { status: 409, reason: 'TURN_IN_PROGRESS' } }, { text: 'Your turn' });
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await stopClock(page);
  await chat.send('now me');
  await expect(chat.userMessage('now me')).toContainText('Sends after this reply');
  await expect(page.locator('.banner')).toHaveCount(0);
  await page.clock.resume();
  await expect(chat.reply('Your turn')).toHaveAttribute('data-state', 'stored');
  await expect(chat.rows).toHaveCount(2);
  expect(ids).toEqual([ids[0], ids[0]]);
});

test('a reload during a reply shows the reply where it was, and it goes on growing', async ({
  page,
  chat,
  name,
  program,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Worth the wait, and more', after: 2, gate: opened });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  await expect(chat.reply('Worth the')).toBeVisible();
  await page.reload();
  await expect(chat.reply('Worth the')).toHaveAttribute('data-state', 'streaming');
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.log).toHaveAttribute('aria-busy', 'true');
  await expect(page.getByRole('status')).toHaveText('Assistant is replying.');
  await expect(chat.stopButton).toBeVisible();
  open();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Worth the wait, and more']);
  await expect(page.getByRole('status')).toHaveText('The reply is complete.');
  expect(ids).toHaveLength(1);
});

test('after a reload, a reply whose process died can be requested again', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Lost', after: 0, gate: opened, cut: true, lost: true }, { text: 'Found' });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  await expect(chat.stopButton).toBeVisible();
  await page.reload();
  await expect(chat.rows.last()).toHaveAttribute('data-state', 'streaming');
  open();
  await expect(chat.rows.last().getByRole('alert')).toHaveText('No reply has come yet.');
  await chat.rows.last().getByRole('button', { name: 'Try again' }).click();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Found']);
  expect(ids).toEqual([ids[0], ids[0]]);
});

test('a reply that one tab requested grows in the other, with its message', async ({
  page,
  context,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'For both of us', after: 2, gate: opened });
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.user).toHaveText(name);
  await chat.send('Hello');
  await expect(other.userMessage('Hello')).toHaveCount(1);
  for (const one of [chat, other]) {
    await expect(one.reply('For both')).toHaveAttribute('data-state', 'streaming');
    await expect(one.stopButton).toBeVisible();
    await expect(one.rows).toHaveCount(2);
  }
  open();
  for (const one of [chat, other]) {
    await one.replied();
    await expect(one.rows.locator('.body')).toHaveText(['Hello', 'For both of us']);
  }
});

test('a reply whose tab was closed goes on growing in the other tab and on another device', async ({
  page,
  context,
  browser,
  baseURL,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Closed too early', after: 1, gate: opened });
  await page.goto('/');
  await chat.create(name);
  const device = await browser.newContext({ baseURL });
  const others = [];
  for (const where of [context, device]) {
    const other = new Chat(await where.newPage(), expectedErrors);
    await other.page.goto(pathOf(name));
    await expect(other.user).toHaveText(name);
    others.push(other);
  }
  await chat.send('Hello');
  for (const other of others) await expect(other.reply('Closed')).toHaveAttribute('data-state', 'streaming');
  await page.close();
  open();
  for (const other of others) {
    await expect(other.reply('Closed too early')).toHaveAttribute('data-state', 'stored');
    await expect(other.rows).toHaveCount(2);
  }
  await device.close();
});

test('the error of a reply is shown after a reload and in another tab', async ({
  page,
  context,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  program.plan(name, { text: LONG, after: 0, fails: true }, { text: 'Better now' });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  const words = 'Your message is stored, but no reply came. The model cannot be reached. Try again in a minute.';
  await expect(chat.userMessage('Hello').getByRole('alert')).toHaveText(words);
  await page.reload();
  await expect(chat.userMessage('Hello').getByRole('alert')).toHaveText(words);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.userMessage('Hello').getByRole('alert')).toHaveText(words);
  await other.userMessage('Hello').getByRole('button', { name: 'Try again' }).click();
  for (const one of [chat, other]) {
    await one.replied();
    await expect(one.rows.locator('.body')).toHaveText(['Hello', 'Better now']);
  }
});

test('a reply continues in the background while another session is open', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  program.plan(`${name} a`, { text: 'Meant for the first', after: 2, gate: opened });
  program.plan(`${name} b`, { text: 'Meant for the second' });
  await page.goto('/');
  await chat.create(`${name} b`);
  await chat.create(`${name} a`);
  await chat.send('in the first');
  await expect(chat.reply('Meant for')).toBeVisible();
  await page.goBack();
  await expect(chat.user).toHaveText(`${name} b`);
  await expect(chat.rows).toHaveCount(0);
  await expect(chat.sendButton).toBeVisible();
  await chat.say('in the second');
  await page.goForward();
  await expect(chat.reply('Meant for')).toHaveAttribute('data-state', 'streaming');
  await expect(chat.stopButton).toBeVisible();
  await page.goBack();
  await expect(chat.user).toHaveText(`${name} b`);
  open();
  await expect(chat.rows.locator('.body')).toHaveText(['in the second', 'Meant for the second']);
  await page.goForward();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['in the first', 'Meant for the first']);
});
