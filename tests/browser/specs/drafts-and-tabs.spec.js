// Drafts, unsent messages, and several tabs on one session.

import { stopClock } from '../support/clock.js';
import { Chat, expect, pathOf, test } from '../support/fixture.js';

test('a draft survives a reload and belongs to its session', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(`${name} a`);
  await chat.message.fill('half a thought');
  await chat.create(`${name} b`);
  await expect(chat.message).toHaveValue('');
  await page.goBack();
  await expect(chat.message).toHaveValue('half a thought');
  await page.reload();
  await expect(chat.message).toHaveValue('half a thought');
});

test('a message whose response was lost is sent again after a reload with the same request id', async ({
  page,
  chat,
  name,
  expectedErrors,
}) => {
  await page.goto('/');
  await chat.create(name);
  const ids = [];
  await page.route('**/chat', async (route) => {
    ids.push(route.request().postDataJSON().request_id);
    if (ids.length > 1) return route.fallback();
    // The server stores it, but the page is reloaded before the response arrives.
    await route.fetch();
    await page.evaluate(() => location.reload()).catch(() => {});
    await route.abort().catch(() => {});
  });
  expectedErrors.push(/ERR_FAILED|ERR_ABORTED/);
  await chat.send('just once, please');
  const states = () =>
    chat.userMessage('just once, please').evaluateAll((rows) => rows.map((row) => row.dataset.state));
  // The response that is lost is a whole reply.
  await expect.poll(() => ids.length, { timeout: 15_000 }).toBe(2);
  await expect.poll(states).toEqual(['stored']);
  expect(new Set(ids).size).toBe(1);
  await page.reload();
  await expect(chat.userMessage('just once, please')).toHaveCount(1);
});

test('a message from one tab appears in the other', async ({ page, context, chat, name, expectedErrors }) => {
  await context.clock.install();
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.user).toHaveText(name);
  await expect(other.sendButton).toBeEnabled();
  // While the clock is stopped, nothing in the other tab waits for a timer.
  await stopClock(page);
  await chat.send('from the first tab');
  await expect(chat.userMessage('from the first tab')).toHaveAttribute('data-state', /sent|stored/);
  await expect(other.userMessage('from the first tab')).toBeVisible();
  await chat.replied();
  await other.replied();
  await page.clock.resume();
  await other.say('from the second tab');
  await expect(chat.userMessage('from the second tab')).toBeVisible();
  await expect(chat.rows).toHaveCount(4);
  await expect(other.rows).toHaveCount(4);
});

test('sending from one tab preserves the draft in another', async ({ page, context, chat, name, expectedErrors }) => {
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await other.message.fill('not finished here');
  await chat.send('done there');
  await expect(other.userMessage('done there')).toBeVisible();
  await other.page.reload();
  await expect(other.message).toHaveValue('not finished here');
});

test('a session that was deleted elsewhere is shown as ended, and the draft is kept', async ({
  page,
  context,
  chat,
  name,
  expectedErrors,
  request,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await other.message.fill('unsent');
  await request.delete(`/api/session/${encodeURIComponent(name)}`);
  await expect(other.banner('gone')).toContainText('has ended');
  await expect(other.message).toHaveValue('unsent');
  await expect(other.sendButton).toBeDisabled();
});

test('two tabs that are restored with an unsent first message create one session and send one message', async ({
  context,
  page,
  chat,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_FAILED|ERR_ABORTED/);
  const [created, sent] = [[], []];
  let isHeld = true;
  await context.route(/\/(session\/create|chat)$/, async (route) => {
    if (isHeld) return route.abort();
    const { request_id: requestId } = route.request().postDataJSON();
    (route.request().url().endsWith('/chat') ? sent : created).push(requestId);
    return route.fallback();
  });
  await page.goto('/');
  await chat.send('restored twice');
  await expect(chat.banner('waiting')).toBeVisible();
  // Both are blank until the connection is back, like the tabs of a browser that is started again.
  await page.goto('about:blank');
  const other = new Chat(await context.newPage(), expectedErrors);
  isHeld = false;
  await Promise.all([page.goto('/'), other.page.goto('/')]);
  const sender = await Promise.any([chat, other].map((tab) => tab.replied().then(() => tab)));
  const name = await sender.user.textContent();
  await expect(sender.userMessage('restored twice')).toHaveCount(1);
  const history = await request.get(`/api/session/${name}/history`);
  expect((await history.json()).messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  for (const tab of [chat, other]) await expect(tab.sendButton).toBeVisible();
  expect([created.length, sent.length]).toEqual([1, 1]);
});
