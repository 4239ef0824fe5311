// Pending replies: after Stop, after a reload, in another tab and in the background, on the scripted server.

import { stopClock } from '../support/clock.js';
import { Chat, collectRequestIds, expect, gate, pathOf, scripted as test } from '../support/fixture.js';

const LONG = Array.from({ length: 40 }, (_, index) => `word${index + 1}`).join(' ');

test('Stop ends the display only, and the whole reply is shown once it is stored', async ({
  page,
  chat,
  name,
  program,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'A long story short', after: 2, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Tell me a story');
  await expect(chat.reply('A long')).toBeVisible();
  await chat.stopButton.click();
  await expect(chat.reply('A long')).toHaveAttribute('data-state', 'stopped');
  await expect(chat.reply('A long')).toContainText('The reply is still being written and stored');
  await expect(page.getByRole('status')).toHaveText('Stopped. The reply will still be stored.');
  await expect(chat.sendButton).toBeVisible();
  await expect(chat.message).toBeFocused();
  open();
  await chat.replied();
  await expect(chat.reply('A long story short')).toHaveCount(1);
  await expect(chat.rows).toHaveCount(2);
});

test('after Stop, the next message waits until the reply is stored', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 409 /);
  const { opened, open } = gate();
  program.plan(name, { text: 'The first reply', after: 1, gate: opened }, { text: 'The second reply' });
  await page.goto('/');
  await chat.create(name);
  await chat.send('first');
  await chat.stopButton.click();
  await chat.send('second');
  await expect(chat.banner('waiting')).toContainText('A reply is still being written.');
  await expect(chat.userMessage('second')).toContainText('Sending…');
  open();
  await expect(chat.reply('The second reply')).toHaveAttribute('data-state', 'stored', { timeout: 10_000 });
  await expect(chat.banner('waiting')).toHaveCount(0);
  await expect(chat.rows.locator('.body')).toHaveText(['first', 'The first reply', 'second', 'The second reply']);
});

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
  await expect(chat.banner('waiting')).toContainText(/A reply is still being written.*Trying again in/);
  await page.clock.resume();
  await expect(chat.reply('Your turn')).toHaveAttribute('data-state', 'stored');
  await expect(chat.rows).toHaveCount(2);
  expect(ids).toEqual([ids[0], ids[0]]);
});

test('a reload during a reply shows the whole reply once it is stored', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Worth the wait', after: 2, gate: opened });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  await expect(chat.reply('Worth the')).toBeVisible();
  await page.reload();
  await expect(chat.userMessage('Hello')).toBeVisible();
  await expect(chat.rows.last()).toContainText('Waiting for the reply…');
  open();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Worth the wait']);
  expect(ids).toHaveLength(1);
});

test('after a reload, a reply that never comes can be requested again', async ({ page, chat, name, program }) => {
  await page.clock.install();
  const { opened, open } = gate();
  program.plan(name, { text: 'Lost', after: 0, gate: opened, cut: true, lost: true }, { text: 'Found' });
  await page.goto('/');
  await chat.create(name);
  const ids = collectRequestIds(page);
  await chat.send('Hello');
  await expect(chat.stopButton).toBeVisible();
  await page.reload();
  await expect(chat.rows.last()).toContainText('Waiting for the reply…');
  open();
  // Each poll is scheduled after the response of the previous one, so five minutes cannot pass in one step.
  await expect(async () => {
    await page.clock.fastForward(31_000);
    await expect(chat.rows.last().getByRole('alert')).toHaveText('No reply has come so far.', { timeout: 100 });
  }).toPass();
  await chat.rows.last().getByRole('button', { name: 'Retry' }).click();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Found']);
  expect(ids).toEqual([ids[0], ids[0]]);
});

test('a reply that one tab requested appears in the other', async ({
  page,
  context,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'For both of us', after: 1, gate: opened });
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.user).toHaveText(name);
  await chat.send('Hello');
  await expect(other.userMessage('Hello')).toBeVisible();
  await expect(other.rows.last()).toContainText('Waiting for the reply…');
  open();
  for (const one of [chat, other]) {
    await one.replied();
    await expect(one.rows.locator('.body')).toHaveText(['Hello', 'For both of us']);
  }
});

test('a reply whose tab was closed appears in the other tab within a second after it is stored', async ({
  page,
  context,
  chat,
  name,
  program,
  request,
  expectedErrors,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Closed too early', after: 1, gate: opened });
  await context.clock.install();
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.user).toHaveText(name);
  await chat.send('Hello');
  await expect(other.rows.last()).toContainText('Waiting for the reply…');
  await page.close();
  await stopClock(other.page);
  open();
  const stored = async () =>
    (await (await request.get(`/api/session/${encodeURIComponent(name)}/history`)).json()).messages.length;
  await expect.poll(stored).toBe(2);
  await expect(other.rows.last()).toContainText('Waiting for the reply…');
  // The page polls every 0.9 s, and then fetches new messages.
  await other.page.clock.runFor(1_000);
  await expect(other.reply('Closed too early')).toHaveAttribute('data-state', 'stored');
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
  const words = 'Your message is stored, but no reply came. The model cannot be reached.';
  await expect(chat.userMessage('Hello').getByRole('alert')).toHaveText(words);
  await page.reload();
  await expect(chat.userMessage('Hello').getByRole('alert')).toHaveText(words);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.userMessage('Hello').getByRole('alert')).toHaveText(words);
  await other.userMessage('Hello').getByRole('button', { name: 'Retry' }).click();
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
