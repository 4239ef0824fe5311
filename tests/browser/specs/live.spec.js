// The event stream of the open session, and every way in which it can fail, on the scripted server.

import { stopClock } from '../support/clock.js';
import { Chat, expect, gate, pathOf, scripted as test } from '../support/fixture.js';

const EVENTS = '**/events*';
const CUT = /ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION|ERR_EMPTY_RESPONSE/;

/** Collects the cursors with which the page opens event streams. */
function collectCursors(page) {
  const cursors = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    if (url.pathname.endsWith('/events')) cursors.push(url.searchParams.get('cursor'));
  });
  return cursors;
}

/** Hides or shows the page, as a switch to another tab does. */
const setHidden = (page, hidden) =>
  page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);

const path = (name) => `/api/session/${encodeURIComponent(name)}`;
const append = (request, name, content) =>
  request.post(`${path(name)}/messages`, { data: { messages: [{ role: 'assistant', content }] } });

test('an event stream that is cut in the middle of a reply goes on where it was', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(CUT);
  const { opened, open } = gate();
  program.plan(name, { text: 'Größe zählt – 😀 immer noch', after: 3, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('Größe zählt')).toBeVisible();
  await page.reload();
  await expect(chat.reply('Größe zählt –')).toHaveAttribute('data-state', 'streaming');
  const cursors = collectCursors(page);
  program.events(name).cut();
  await expect.poll(() => cursors.length).toBe(1);
  expect(cursors[0]).toMatch(/\.1\.\d+$/);
  await expect(chat.reply('Größe zählt –')).toHaveAttribute('data-state', 'streaming');
  open();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Größe zählt – 😀 immer noch']);
});

test('a chat stream that is cut in the middle of a reply is followed by the event stream, without an error', async ({
  page,
  chat,
  name,
  program,
  expectedErrors,
}) => {
  expectedErrors.push(CUT);
  const { opened, open } = gate();
  const words = Array.from({ length: 30 }, (_, index) => `word${index + 1}`).join(' ');
  program.plan(name, { text: words, after: 3, gate: opened, cut: true });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('word1 word2 word3')).toBeVisible();
  await page.evaluate(() => {
    window.alerts = 0;
    new MutationObserver(() => (window.alerts += document.querySelectorAll('#messages [role=alert]').length)).observe(
      document.getElementById('messages'),
      { childList: true, subtree: true },
    );
  });
  open();
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', words]);
  await expect.poll(() => page.evaluate(() => window.alerts)).toBe(0);
});

test('a stream that is silent is opened again', async ({ page, chat, name, program, request }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await expect.poll(() => program.events(name).count()).toBe(1);
  const cursors = collectCursors(page);
  program.events(name).silence();
  await append(request, name, 'unheard');
  await page.clock.fastForward(21_000);
  await page.clock.fastForward(1_500);
  await expect.poll(() => cursors.length).toBe(1);
  await expect(chat.reply('unheard')).toBeVisible();
});

test('a stream that is rejected is requested again after the wait that the service requests', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await expect.poll(() => program.events(name).count()).toBe(1);
  await chat.failCalls(EVENTS, { status: 429, reason: 'OVERLOADED', times: 1, headers: { 'retry-after': '30' } });
  await stopClock(page);
  const cursors = collectCursors(page);
  program.events(name).send('error', { status: 503, reason: 'STORE_UNAVAILABLE', retry_after_ms: 4_000 });
  await page.clock.runFor(3_900);
  expect(cursors).toHaveLength(0);
  await expect
    .poll(async () => {
      await page.clock.runFor(500);
      return cursors.length;
    })
    .toBe(1);
  await page.clock.runFor(29_000);
  expect(cursors).toHaveLength(1);
  await append(request, name, 'later');
  await page.clock.runFor(9_000);
  await expect(chat.reply('later')).toBeVisible();
  expect(cursors).toHaveLength(2);
});

test('a hidden page closes its stream after thirty seconds, and catches up when it is shown', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  const { count } = program.events(name);
  await expect.poll(count).toBe(1);
  await setHidden(page, true);
  await page.clock.fastForward(31_000);
  await expect.poll(count).toBe(0);
  await append(request, name, 'in the meantime');
  const cursors = collectCursors(page);
  await setHidden(page, false);
  await expect(chat.reply('in the meantime')).toBeVisible();
  expect(cursors).toHaveLength(1);
  expect(cursors[0]).toMatch(/\.0\.0$/);
});

test('a page that is hidden while a reply grows shows it whole when it is shown', async ({
  page,
  chat,
  name,
  program,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'Good things take time', after: 2, gate: opened });
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('Good things')).toBeVisible();
  await page.reload();
  await expect(chat.reply('Good things')).toHaveAttribute('data-state', 'streaming');
  await setHidden(page, true);
  await page.clock.fastForward(31_000);
  await expect.poll(() => program.events(name).count()).toBe(0);
  open();
  await setHidden(page, false);
  await chat.replied();
  await expect(chat.rows.locator('.body')).toHaveText(['Hello', 'Good things take time']);
});

test('a session that is deleted elsewhere is shown as ended at once', async ({
  page,
  chat,
  name,
  program,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name);
  await chat.say('of the old session');
  await chat.message.fill('a draft');
  await expect.poll(() => program.events(name).count()).toBe(1);
  await request.delete(path(name));
  await expect(chat.banner('gone')).toContainText('has ended');
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.sendButton).toBeDisabled();
  await expect(chat.message).toHaveValue('a draft');
});

test('a session that is deleted and at once created again elsewhere is opened', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('of the old session');
  await chat.message.fill('a draft');
  await expect.poll(() => program.events(name).count()).toBe(1);
  await page.route(
    (url) => url.pathname === path(name),
    async (route) => {
      await request.post('/api/session/create', { data: { user_id: name, persona: 'creative_writer' } });
      await route.fallback();
    },
    { times: 1 },
  );
  await request.delete(path(name));
  await expect(page.locator('#persona')).toHaveText('Creative Writer');
  await expect(chat.rows).toHaveCount(0);
  await expect(chat.message).toHaveValue('a draft');
  await chat.say('of the new session');
});

test('a session that was created again in another tab is opened in this one', async ({
  page,
  context,
  chat,
  name,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name);
  const other = new Chat(await context.newPage(), expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.user).toHaveText(name);
  await request.delete(path(name));
  for (const one of [chat, other]) await expect(one.banner('gone')).toBeVisible();
  await chat.banner('gone').getByRole('button').click();
  for (const one of [chat, other]) {
    await expect(one.banner('gone')).toHaveCount(0);
    await expect(one.sendButton).toBeEnabled();
  }
});

test('a session that is extended elsewhere ends its countdown', async ({ page, chat, name, program, request }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await expect.poll(() => program.events(name).count()).toBe(1);
  const expiresAt = await page.evaluate(() => new Date(Date.now() + 90_000).toISOString());
  program.events(name).send('expiring', { expires_at: expiresAt });
  await expect(chat.banner('ending')).toContainText(/1:[23]\d/);
  await request.post(`${path(name)}/touch`);
  await expect(chat.banner('ending')).toHaveCount(0);
});

test('while signed out there is no stream, and afterwards it goes on', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  // The list next to the conversation makes calls of its own, one of which may be the first to be rejected.
  await page.addInitScript(() => localStorage.setItem('nono-column', 'closed'));
  await page.goto('/');
  await chat.create(name);
  const { count, cut } = program.events(name);
  await expect.poll(count).toBe(1);
  chat.expectedErrors.push(CUT);
  await chat.failCalls('**/api/**', { status: 401, reason: 'UNAUTHENTICATED' });
  const cursors = collectCursors(page);
  cut();
  await expect(chat.banner('signed-out')).toBeVisible();
  await append(request, name, 'in the meantime');
  await page.unrouteAll();
  expect(cursors).toHaveLength(1);
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await expect(chat.reply('in the meantime')).toBeVisible();
  await expect(chat.banner('signed-out')).toHaveCount(0);
});

test('a server without event streams still shows what is stored', async ({ page, chat, name, request }) => {
  await chat.failCalls(EVENTS, { status: 404 });
  await page.goto('/');
  await chat.create(name);
  await append(request, name, 'from elsewhere');
  await expect(chat.reply('from elsewhere')).toBeVisible();
  await expect(chat.banner('gone')).toHaveCount(0);
});

test('a growing reply that this tab did not request does not move what is above it', async ({
  page,
  chat,
  name,
  program,
}) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'One two three four', after: 0, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.stopButton).toBeVisible();
  await page.reload();
  await expect(chat.rows.last()).toHaveAttribute('data-state', 'streaming');
  await page.evaluate(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => {
      for (const { value } of list.getEntries()) window.shifts += value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  open();
  await chat.replied();
  await expect.poll(() => page.evaluate(() => window.shifts)).toBeLessThan(0.01);
});
