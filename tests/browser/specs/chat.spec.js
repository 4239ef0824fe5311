// The program without a model: the built-in demo replies.

import { Chat, expect, pathOf, test } from '../support/fixture.js';
import { onceStreaming } from '../support/streaming.js';

const STREAMING = { state: 'streaming', canStop: true };

test('the first reply streams, says that it is a demo, and is shown after a reload', async ({ page, chat, name }) => {
  await page.goto('/');
  await expect(page.getByText('Powered by built-in demo replies')).toBeVisible();
  await chat.create(name);
  const streaming = onceStreaming(page, 'watch');
  await chat.send('Hello');
  expect(await streaming).toEqual(STREAMING);
  await chat.replied();
  await expect(chat.rows.last()).toContainText(/demo repl.*--model-url/s);
  await expect(page.locator('.prose')).toHaveCount(1);
  const texts = await chat.rows.locator('.body').allTextContents();
  await page.reload();
  await expect(chat.rows.locator('.body')).toHaveText(texts);
});

test('a reload during a reply shows it to its end', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  const streaming = onceStreaming(page, 'reload');
  const reloaded = page.waitForEvent('load');
  await chat.send('Hello');
  expect(await streaming).toEqual(STREAMING);
  await reloaded;
  await chat.replied();
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.userMessage('Hello')).toHaveCount(1);
});

test('a stopped reply is stored as far as it has come, and the next message gets a reply', async ({
  page,
  chat,
  name,
  request,
}) => {
  await page.goto('/');
  await chat.create(name);
  const streaming = onceStreaming(page, 'stop');
  await chat.send('Hello');
  expect(await streaming).toEqual(STREAMING);
  await expect(chat.rows.last()).toHaveAttribute('data-state', 'stopped');
  const { messages } = await (await request.get(`/api/session/${encodeURIComponent(name)}/history`)).json();
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  const text = await chat.rows.last().locator('.body').textContent();
  expect(messages[1].content.trimEnd()).toBe(text.trimEnd());
  await page.reload();
  await expect(chat.rows.last().locator('.body')).toHaveText(text.trimEnd());
  await chat.say('Go on');
  await expect(chat.rows).toHaveCount(4);
});

test('a reply grows in another tab, and is stopped from there in both', async ({
  page,
  context,
  chat,
  name,
  expectedErrors,
}) => {
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.sendButton).toBeEnabled();
  const streaming = onceStreaming(other.page, 'stop');
  await chat.send('Hello');
  expect(await streaming).toEqual(STREAMING);
  for (const one of [chat, other]) {
    await expect(one.rows.last()).toHaveAttribute('data-state', 'stopped');
    await expect(one.rows).toHaveCount(2);
    await expect(one.sendButton).toBeVisible();
  }
  await expect(other.rows.locator('.body')).toHaveText(await chat.rows.locator('.body').allTextContents());
});

test('a repeated request id has one message and one reply', async ({ page, chat, name, request }) => {
  await page.goto('/');
  await chat.create(name);
  const sent = page.waitForRequest('**/chat');
  await chat.say('Hello');
  const again = await request.post(`/api/session/${encodeURIComponent(name)}/chat`, {
    data: (await sent).postDataJSON(),
  });
  expect(again.status()).toBe(200);
  const { messages } = await (await request.get(`/api/session/${encodeURIComponent(name)}/history`)).json();
  expect(messages).toHaveLength(2);
  expect((await again.json()).response).toBe(messages[1].content);
});

test('two tabs on one session show both messages and both replies in the same order', async ({
  page,
  context,
  chat,
  name,
  expectedErrors,
}) => {
  // Both messages may be sent before either tab knows of the other turn.
  expectedErrors.push(/status of 409 /);
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.sendButton).toBeEnabled();
  await chat.send('from the first');
  await other.send('from the second');
  const roles = (one) => () =>
    one.rows.evaluateAll((rows) => rows.map((row) => `${row.dataset.role} ${row.dataset.state}`).join(', '));
  for (const one of [chat, other]) {
    await expect
      .poll(roles(one), { timeout: 20_000 })
      .toBe('user stored, assistant stored, user stored, assistant stored');
  }
  await expect(page.locator('.prose').first()).toBeVisible();
  await expect(other.rows.locator('.body')).toHaveText(await chat.rows.locator('.body').allTextContents());
});

test('each persona replies in its own session', async ({ page, chat, name }) => {
  await page.goto('/');
  for (const persona of ['Technical Support', 'Creative Writer']) {
    await chat.create(`${name} ${persona}`, persona);
    await chat.say('Hello');
    await expect(chat.rows.last()).toContainText(persona);
    await expect(chat.rows).toHaveCount(2);
  }
});
