// The first screen: a message that is written there creates its session, once.

import { Chat, createFilled, expect, pathOf, test } from '../support/fixture.js';
import { waitUntilMirrored } from '../support/mirror.js';

const sessionsOf = async (request) => (await (await request.get('/api/sessions?page_size=1000')).json()).sessions;
const historyOf = async (request, name) =>
  (await (await request.get(`/api/session/${encodeURIComponent(name)}/history`)).json()).messages;

test('a message on the first screen creates a session with the chosen persona and is sent', async ({
  page,
  chat,
  request,
}) => {
  await page.goto('/');
  await expect(chat.message).toBeFocused();
  await page.getByRole('radio', { name: 'Creative Writer' }).click();
  await expect(chat.message).toBeFocused();
  await page.keyboard.type('A poem about rain');
  await page.keyboard.press('Enter');
  await expect(chat.userMessage('A poem about rain')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.user).toHaveText(/^user_\d{10}$/);
  await expect(page.locator('#persona')).toHaveText('Creative Writer');
  await expect(chat.message).toBeFocused();
  await chat.replied();
  const name = await chat.user.textContent();
  await expect(page).toHaveURL(pathOf(name));
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  expect(await historyOf(request, name)).toHaveLength(2);
});

test('the personas are a radio group that the arrow keys change', async ({ page, chat }) => {
  await page.goto('/');
  const group = page.getByRole('group', { name: 'Persona' });
  await expect(group.getByRole('radio')).toHaveCount(4);
  await expect(group.getByRole('radio', { name: 'Default Assistant' })).toBeChecked();
  await group.getByRole('radio', { name: 'Default Assistant' }).focus();
  await page.keyboard.press('ArrowDown');
  const nurse = group.getByRole('radio', { name: 'Mental Health Nurse' });
  await expect(nurse).toBeFocused();
  await expect(nurse).toBeChecked();
  await expect(page.locator('#disclaimer')).toContainText('Not a clinician');
  await page.reload();
  await expect(nurse).toBeChecked();
  await expect(chat.newDialog).toBeHidden();
});

test('a reload while the session is created creates one session and sends one message', async ({
  page,
  chat,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_FAILED|ERR_ABORTED/);
  const bodies = [];
  await page.route('**/session/create', async (route) => {
    bodies.push(route.request().postDataJSON());
    if (bodies.length > 1) return route.fallback();
    // The server creates it, but the page is reloaded before the response arrives.
    await route.fetch();
    await page.evaluate(() => location.reload()).catch(() => {});
    await route.abort().catch(() => {});
  });
  await page.goto('/');
  await chat.send('only once');
  await chat.replied();
  expect(bodies).toHaveLength(2);
  expect(bodies[1]).toEqual(bodies[0]);
  await expect(chat.userMessage('only once')).toHaveCount(1);
  const [{ user_id: name }] = bodies;
  await expect(chat.user).toHaveText(name);
  expect(await historyOf(request, name)).toHaveLength(2);
  expect((await sessionsOf(request)).filter(({ user_id: id }) => id === name)).toHaveLength(1);
});

test('a crash after sending loses nothing', async ({ killable, request }) => {
  const before = await killable.start();
  await before.page.route('**/session/create', () => {});
  await before.send('sent before the crash');
  await expect(before.userMessage('sent before the crash')).toContainText('Sending…');
  await waitUntilMirrored(before.page, 'sent before the crash');
  await killable.kill();
  const after = await killable.start();
  await after.replied();
  await expect(after.rows).toHaveCount(2);
  const name = await after.user.textContent();
  expect(await historyOf(request, name)).toHaveLength(2);
});

test('an automatic name that is taken is replaced, and the other session is not opened', async ({
  page,
  chat,
  request,
}) => {
  await page.clock.setFixedTime(new Date('2030-01-01T00:00:00Z'));
  const taken = `user_${Date.parse('2030-01-01T00:00:00Z') / 1000}`;
  const next = taken.replace(/\d$/, '1');
  await page.route('**/api/**', async (route) => {
    // The clock of the server, which names the sessions, is the fixed one.
    const response = await route.fetch().catch(() => null);
    if (!response) return route.abort();
    return route.fulfill({ response, headers: { ...response.headers(), date: 'Tue, 01 Jan 2030 00:00:00 GMT' } });
  });
  await page.route('**/api/config', async (route) => {
    const response = await route.fetch();
    return route.fulfill({ response, json: { ...(await response.json()), server_time: '2030-01-01T00:00:00Z' } });
  });
  await page.route('**/events*', (route) => route.fallback());
  await createFilled(request, taken, 2);
  chat.expectedErrors.push(/status of 409 /);
  await page.goto('/');
  await chat.send('hello');
  await expect(chat.user).toHaveText(next);
  await expect(chat.userMessage('hello')).toBeVisible();
  await expect(chat.rows.filter({ hasText: 'message 1 of 2' })).toHaveCount(0);
  expect(await historyOf(request, taken)).toHaveLength(2);
  await chat.newButton.click();
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.newDialog).toBeHidden();
  await expect(chat.user).toHaveText(taken.replace(/\d$/, '2'));
});

test('a session that cannot be created offers a retry, and its message can be edited', async ({ page, chat }) => {
  await page.goto('/');
  await chat.failCalls('**/session/create', { status: 500, reason: 'INTERNAL', times: 2 });
  await chat.send('hello');
  await expect(chat.userMessage('hello')).toContainText('Not sent');
  await chat.userMessage('hello').getByRole('button', { name: 'Edit' }).click();
  await expect(page.getByRole('heading', { name: 'Who would you like to talk to?' })).toBeVisible();
  await expect(chat.message).toHaveValue('hello');
  await chat.message.press('Enter');
  await expect(chat.userMessage('hello')).toContainText('Not sent');
  await chat.userMessage('hello').getByRole('button', { name: 'Try again' }).click();
  await chat.replied();
});

test('text on the first screen survives a reload and goes along to a new session', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.message.fill('half a thought');
  await page.reload();
  await expect(chat.message).toHaveValue('half a thought');
  await chat.create(name);
  await expect(chat.message).toHaveValue('half a thought');
});

test('no key is lost that is typed while the page or a session is loading', async ({
  page,
  chat,
  name,
  request,
  context,
}) => {
  await createFilled(request, name, 2);
  /** Holds back requests, and returns a function that waits for one and lets it pass. */
  async function hold(pattern) {
    const held = [];
    await page.route(pattern, async (route) => {
      await new Promise((resolve) => held.push(resolve));
      await route.fallback();
    });
    return async () => {
      await expect.poll(() => held.length).toBe(1);
      held[0]();
    };
  }
  const releaseMain = await hold('**/main.js');
  const releaseHistory = await hold('**/history*');
  await page.goto(pathOf(name), { waitUntil: 'commit' });
  await expect(chat.message).toBeFocused();
  await page.keyboard.type('one ');
  await releaseMain();
  await expect(page.getByText('Loading the conversation…')).toBeVisible();
  await page.keyboard.type('two ');
  await releaseHistory();
  await expect(chat.rows).toHaveCount(2);
  await expect(chat.message).toBeFocused();
  await page.keyboard.type('three');
  await expect(chat.message).toHaveValue('one two three');
  const other = new Chat(await context.newPage(), chat.expectedErrors);
  await other.page.goto(pathOf(name));
  await expect(other.message).toHaveValue('one two three');
});

test('the first screen is painted before any module has run, and not before a session', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 1);
  await page.route('**/main.js', () => {});
  await page.goto('/', { waitUntil: 'commit' });
  const heading = page.getByRole('heading', { name: 'Who would you like to talk to?' });
  await expect(heading).toBeVisible();
  await expect(page.getByRole('radio')).toHaveCount(4);
  await expect(chat.sendButton).toBeDisabled();
  await page.goto(pathOf(name), { waitUntil: 'commit' });
  await expect(chat.message).toBeVisible();
  await expect(heading).toBeHidden();
});
