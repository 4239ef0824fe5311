// Outages that last until all attempts are used up: nothing gives up, and each sign that the service is back tries again.

import { collectRequestIds, createStored, expect, gate, pathOf, scripted as test } from '../support/fixture.js';

/** Number of attempts after which a call is retried at the heartbeat. */
const ATTEMPTS = 6;
const NEARLY_HEARTBEAT_MS = 40_000;
const HEARTBEAT_MS = 80_000;

const OUTAGES = [
  ['responds with 503', { status: 503, reason: 'STORE_UNAVAILABLE' }],
  ['responds with 429', { status: 429, reason: 'OVERLOADED' }],
  ['responds with 504', { status: 504, reason: 'DEADLINE_EXCEEDED' }],
  ['drops connections', {}],
];

const SIGNS = {
  'the focus': (page) => page.evaluate(() => dispatchEvent(new Event('focus'))),
  'the event "online"': (page) => page.evaluate(() => dispatchEvent(new Event('online'))),
  'another call that succeeds': (page) => page.getByRole('button', { name: 'Sessions', exact: true }).click(),
  'the heartbeat': (page) => page.clock.fastForward(HEARTBEAT_MS),
};

/** Collects the calls of the page, which a browser may repeat by itself if the connection breaks. */
function collectCalls(page) {
  const calls = [];
  page.on('request', (request) => calls.push(new URL(request.url()).pathname));
  return calls;
}

/** Advances the clock until `path` has used up its attempts, and the page waits for the heartbeat. */
async function exhaust(page, calls, path) {
  const attempts = () => calls.filter((call) => call.endsWith(path)).length;
  for (let count = 1; count <= ATTEMPTS; count += 1) {
    await expect.poll(attempts, { message: `attempt ${count}` }).toBeGreaterThanOrEqual(count);
    await expect(page.locator('.banner[data-id="waiting"]')).toBeVisible();
    if (count < ATTEMPTS) await page.clock.fastForward(NEARLY_HEARTBEAT_MS);
  }
  return attempts;
}

const expectErrors = (errors) => errors.push(/status of (429|503|504)|ERR_/);

for (const [how, response] of OUTAGES) {
  test(`a message is sent after a service that ${how} for a long time has recovered`, async ({
    page,
    chat,
    name,
    program,
    expectedErrors,
  }) => {
    expectErrors(expectedErrors);
    program.plan(name, { text: 'Here I am' });
    await page.clock.install();
    await page.goto('/');
    await chat.create(name);
    const ids = collectRequestIds(page);
    const calls = collectCalls(page);
    const outage = program.fail(response);
    await chat.send('hello?');
    const attempts = await exhaust(page, calls, '/chat');
    await expect(chat.userMessage('hello?')).toContainText('Waiting to be sent');
    await page.clock.fastForward(HEARTBEAT_MS);
    await expect.poll(attempts).toBe(ATTEMPTS + 1);
    outage.end();
    await page.clock.fastForward(HEARTBEAT_MS);
    await chat.replied();
    await expect(chat.rows.locator('.body')).toHaveText(['hello?', 'Here I am']);
    await expect(page.locator('.banner')).toHaveCount(0);
    expect(new Set(ids).size).toBe(1);
  });
}

for (const [sign, show] of Object.entries(SIGNS)) {
  test(`${sign} sends a message whose attempts are used up`, async ({ page, chat, name, program, expectedErrors }) => {
    expectErrors(expectedErrors);
    program.plan(name, { text: 'Here I am' });
    await page.clock.install();
    await page.goto('/');
    await chat.create(name);
    const calls = collectCalls(page);
    const outage = program.fail({ status: 503, reason: 'STORE_UNAVAILABLE' });
    await chat.send('hello?');
    await exhaust(page, calls, '/chat');
    await page.clock.fastForward(10_000);
    await expect(chat.userMessage('hello?')).toContainText('Waiting to be sent');
    outage.end();
    await show(page);
    await expect(chat.reply('Here I am')).toHaveAttribute('data-state', 'stored');
  });
}

test('a conversation is loaded after a long outage', async ({ page, chat, name, request, program, expectedErrors }) => {
  expectErrors(expectedErrors);
  await createStored(request, name, [['user', 'load me']]);
  await page.clock.install();
  const calls = collectCalls(page);
  const outage = program.fail({ status: 503, reason: 'SERVICE_UNAVAILABLE' });
  await page.goto(pathOf(name));
  await exhaust(page, calls, `/session/${encodeURIComponent(name)}`);
  await expect(page.getByText('Loading the conversation…')).toBeVisible();
  outage.end();
  await page.evaluate(() => dispatchEvent(new Event('focus')));
  await expect(chat.userMessage('load me')).toBeVisible();
  await expect(page.locator('.banner')).toHaveCount(0);
});

test('the title of the service is shown after an outage at the start', async ({ page, program, expectedErrors }) => {
  expectErrors(expectedErrors);
  await page.clock.install();
  const outage = program.fail({ status: 503, reason: 'SERVICE_UNAVAILABLE' });
  await page.goto('/');
  await expect.poll(() => outage.calls).toContain('GET /api/config');
  await expect(page.locator('#powered-by')).toHaveText('Powered by Nono');
  await expect(page.locator('.banner')).toHaveCount(0);
  outage.end();
  await page.clock.fastForward(HEARTBEAT_MS);
  await expect(page.locator('#powered-by')).toHaveText('Powered by built-in demo replies');
});

test('offline, the dialogs say so, wait without a number, and go on when the connection is back', async ({
  page,
  context,
  chat,
  name,
  request,
  expectedErrors,
}) => {
  expectErrors(expectedErrors);
  await createStored(request, `${name} stored`, []);
  await page.goto('/');
  // The dialogs are loaded some time after the page.
  await expect(page.locator('#sessions-dialog input[type=search]')).toBeAttached();
  await context.setOffline(true);
  await expect(chat.banner('offline')).toBeVisible();
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.getByRole('alert')).toHaveText('You are offline.');
  await expect(chat.sessionsDialog).not.toContainText(/Trying again|Infinity/);
  await chat.sessionsDialog.getByRole('button', { name: 'New Session' }).click();
  await chat.newDialog.getByLabel('Display Name').fill(name);
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.newDialog.getByRole('alert').filter({ hasText: 'You are offline.' })).toBeVisible();
  await expect(chat.newDialog).not.toContainText(/Trying again|Infinity/);
  await context.setOffline(false);
  await expect(chat.newDialog).toBeHidden();
  await expect(chat.user).toHaveText(name);
});

test('a countdown ends when the connection is lost', async ({ page, context, chat, name, program, expectedErrors }) => {
  expectErrors(expectedErrors);
  await page.goto('/');
  const outage = program.fail({ status: 503, reason: 'STORE_UNAVAILABLE' });
  await page.route('**/session/create', async (route) => {
    const response = await route.fetch();
    await route.fulfill({ response, headers: { ...response.headers(), 'retry-after': '300' } });
  });
  await chat.newButton.click();
  await chat.newDialog.getByLabel('Display Name').fill(name);
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.newDialog).toContainText(/Trying again in \d+ s/);
  await context.setOffline(true);
  await expect(chat.newDialog).toContainText('You are offline.');
  await expect(chat.newDialog).not.toContainText(/Trying again/);
  outage.end();
  await page.unroute('**/session/create');
  await context.setOffline(false);
  await expect(chat.user).toHaveText(name);
});

test('a missing reply stays marked after the next message and after a refresh', async ({
  page,
  chat,
  name,
  program,
}) => {
  program.plan(
    name,
    { text: 'never', after: 0, fails: true },
    { text: 'A long reply', finish: 'length' },
    { text: 'A bad reply', finish: 'content_filter' },
    { text: 'A stopped reply', after: 2, gate: gate().opened },
  );
  await page.goto('/');
  await chat.create(name);
  await chat.send('one');
  await expect(chat.userMessage('one')).toContainText('No reply');
  await chat.send('two');
  await expect(chat.reply('A long reply')).toHaveAttribute('data-state', 'shortened');
  await chat.send('three');
  await expect(chat.reply('A bad reply')).toHaveAttribute('data-state', 'filtered');
  await chat.send('four');
  await expect(chat.reply('A stopped')).toBeVisible();
  await chat.stopButton.click();
  await expect(chat.reply('A stopped')).toHaveAttribute('data-state', 'stopped');
  await chat.say('five');
  for (const isReloaded of [false, true]) {
    if (isReloaded) await page.reload();
    await expect(chat.rows).toHaveCount(9);
    await expect(chat.userMessage('one')).toContainText('No reply');
    await expect(chat.reply('A long reply')).toContainText('The reply has reached the length limit of the model.');
    await expect(chat.reply('A bad reply')).toContainText('The content filter of the model has ended the reply here.');
    await expect(chat.reply('A stopped')).toContainText('The reply was stopped here.');
    await expect(page.getByRole('alert').filter({ hasText: /\S/ })).toHaveCount(0);
  }
});
