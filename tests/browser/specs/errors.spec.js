// The error table: the message and the action for each error, and that no text is lost.

import { holdEvents, stopClock } from '../support/clock.js';
import { expect, pathOf, test } from '../support/fixture.js';

const CHAT = '**/chat';

test('a name in use can be opened or changed, and the input is kept', async ({ page, chat, name, expectedErrors }) => {
  expectedErrors.push(/status of 409 /);
  await page.goto('/');
  await chat.create(name);
  await chat.say('already here');
  await chat.create(`${name} other`);
  await chat.newButton.click();
  const field = chat.newDialog.getByLabel('Display Name');
  await field.fill(name);
  await field.press('Enter');
  await expect(chat.newDialog.getByRole('alert').filter({ hasText: 'is in use' })).toBeVisible();
  await chat.newDialog.getByRole('button', { name: 'Choose another name' }).click();
  await expect(field).toBeFocused();
  await expect(field).toHaveValue(name);
  await field.press('Enter');
  await chat.newDialog.getByRole('button', { name: 'Open it' }).click();
  await expect(chat.newDialog).toBeHidden();
  await expect(chat.userMessage('already here')).toBeVisible();
});

test('a call to a busy service is retried after a visible countdown with the same request id', async ({
  page,
  chat,
  name,
}) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  const ids = [];
  page.on('request', (request) => request.url().endsWith('/chat') && ids.push(request.postDataJSON().request_id));
  await chat.failCalls(CHAT, { status: 503, reason: 'STORE_UNAVAILABLE', times: 1, headers: { 'retry-after': '4' } });
  await stopClock(page);
  await chat.send('patience');
  await expect(chat.banner('waiting')).toContainText(/The service is unavailable\..*Trying again in [45] s/);
  await expect(chat.userMessage('patience')).toContainText('Waiting to be sent');
  await page.clock.fastForward(2_000);
  await expect(chat.banner('waiting')).toContainText(/Trying again in [23] s/);
  await page.clock.fastForward(4_000);
  await expect(chat.userMessage('patience')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.banner('waiting')).toHaveCount(0);
  expect(ids).toHaveLength(2);
  expect(ids[0]).toBe(ids[1]);
});

test('Try now retries before the countdown ends', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.failCalls(CHAT, { status: 429, reason: 'OVERLOADED', times: 1, headers: { 'retry-after': '300' } });
  await chat.send('now');
  await chat.banner('waiting').getByRole('button', { name: 'Try now' }).click();
  await expect(chat.userMessage('now')).toHaveAttribute('data-state', /sent|stored/);
});

test('a message that failed permanently can be retried', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.failCalls(CHAT, {
    status: 500,
    reason: 'INTERNAL',
    detail: 'an internal error',
    times: 1,
    request_id: 'req-7',
  });
  await chat.send('try me twice');
  await expect(chat.userMessage('try me twice')).toContainText('Not sent');
  await expect(chat.userMessage('try me twice').getByRole('alert')).toHaveText(
    /^Something went wrong in the service\..* \(reference req-7\)\.$/,
  );
  await chat.userMessage('try me twice').getByRole('button', { name: 'Try again' }).click();
  await expect(chat.userMessage('try me twice')).toHaveAttribute('data-state', /sent|stored/);
});

test('a message that the service rejects returns to the message box with the reason', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  const violations = [{ field: 'message', description: 'must not be about the weather' }];
  await chat.failCalls(CHAT, { status: 400, reason: 'INVALID_ARGUMENT', violations, times: 1 });
  await chat.send('nice weather');
  await expect(chat.message).toHaveValue('nice weather');
  await expect(chat.message).toHaveAttribute('aria-invalid', 'true');
  await expect(page.getByRole('alert').filter({ hasText: 'The service does not accept this message.' })).toBeVisible();
  await expect(chat.rows).toHaveCount(0);
});

test('a field that the service rejects has an error in the New Session dialog', async ({ page, chat }) => {
  await page.goto('/');
  const violations = [{ field: 'user_id', description: 'must not be a palindrome' }];
  await chat.failCalls('**/session/create', { status: 400, reason: 'INVALID_ARGUMENT', violations });
  await chat.newButton.click();
  const field = chat.newDialog.getByLabel('Display Name');
  await field.fill('anna');
  await field.press('Enter');
  await expect(field).toHaveAccessibleDescription(/The service does not accept this name\. Choose another one\./);
  await expect(field).toHaveAttribute('aria-invalid', 'true');
  await expect(field).toHaveValue('anna');
});

test('a name that is too long is rejected without a call', async ({ page, chat }) => {
  await page.goto('/');
  await chat.newButton.click();
  const field = chat.newDialog.getByLabel('Display Name');
  await field.fill('é'.repeat(65));
  await field.press('Enter');
  await expect(field).toHaveAccessibleDescription(/This name is 1 character too long\./);
});

test('the New Session dialog retries automatically', async ({ page, chat, name }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.failCalls('**/session/create', {
    status: 503,
    reason: 'STORE_UNAVAILABLE',
    times: 1,
    headers: { 'retry-after': '4' },
  });
  await stopClock(page);
  await chat.newButton.click();
  await chat.newDialog.getByLabel('Display Name').fill(name);
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.newDialog).toContainText(/Trying again in [45] s/);
  await page.clock.fastForward(6_000);
  await expect(chat.newDialog).toBeHidden();
  await expect(chat.user).toHaveText(name);
});

test('an expired session keeps the text and can be created again', async ({
  page,
  chat,
  name,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name, 'Creative Writer');
  await chat.say('once upon a time');
  await chat.failCalls(CHAT, { status: 503, reason: 'STORE_UNAVAILABLE', times: 1, headers: { 'retry-after': '300' } });
  await chat.send('there was a dog');
  await expect(chat.banner('waiting')).toBeVisible();
  await request.delete(`/api/session/${encodeURIComponent(name)}`);
  await expect(chat.banner('gone')).toContainText(
    'This session has ended, and its messages are deleted. What you have not sent is safe.',
  );
  await expect(chat.userMessage('there was a dog')).toContainText('Not sent');
  await expect(page.locator('.banner')).toHaveCount(1);
  await chat.message.fill('a draft');
  await chat
    .banner('gone')
    .getByRole('button', { name: `Start again as ${name}` })
    .click();
  await expect(chat.banner('gone')).toHaveCount(0);
  await expect(chat.userMessage('there was a dog')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.userMessage('once upon a time')).toHaveCount(0);
  await expect(chat.message).toHaveValue('a draft');
  await expect(page.locator('#persona')).toHaveText('Creative Writer');
});

test('an address without a session says so, and the session can be created', async ({
  page,
  chat,
  name,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto(pathOf(name));
  await expect(chat.banner('gone')).toContainText(
    `There is no session of “${name}”: it has ended, or it never existed.`,
  );
  await chat
    .banner('gone')
    .getByRole('button', { name: `Start a session as ${name}` })
    .click();
  await expect(chat.sendButton).toBeEnabled();
  await expect(page.getByText('You are talking to Default Assistant')).toBeVisible();
  await expect(page.getByText('Conversations are kept for 1 hour after the last message.')).toBeVisible();
});

test('the last session in this browser that has ended in the meantime can be created again', async ({
  page,
  chat,
  name,
  request,
  expectedErrors,
}) => {
  expectedErrors.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name, 'Creative Writer');
  await page.goto('about:blank');
  await request.delete(`/api/session/${encodeURIComponent(name)}`);
  await page.goto(pathOf(name));
  await expect(chat.banner('gone')).toContainText('This session has ended, and its messages are deleted.');
  await chat
    .banner('gone')
    .getByRole('button', { name: `Start again as ${name}` })
    .click();
  await expect(page.getByText('You are talking to Creative Writer')).toBeVisible();
});

test('a conversation that cannot be loaded can be loaded again', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('load me');
  await chat.failCalls('**/history*', { status: 500, reason: 'INTERNAL', times: 1 });
  await page.reload();
  await expect(chat.banner('failed')).toContainText('could not be loaded');
  await chat.banner('failed').getByRole('button', { name: 'Try again' }).click();
  await expect(chat.userMessage('load me')).toBeVisible();
});

test('a message that is written offline is sent when the connection is back', async ({
  page,
  context,
  chat,
  name,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_INTERNET_DISCONNECTED/);
  await page.goto('/');
  await chat.create(name);
  await context.setOffline(true);
  await expect(chat.banner('offline')).toContainText('You are offline');
  await chat.send('from the tunnel');
  await expect(chat.userMessage('from the tunnel')).toContainText('Waiting to be sent');
  await context.setOffline(false);
  await expect(chat.userMessage('from the tunnel')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.banner('offline')).toHaveCount(0);
});

test('a call whose response is lost is retried, and the message is stored once', async ({
  page,
  chat,
  name,
  expectedErrors,
}) => {
  expectedErrors.push(/ERR_FAILED|ERR_CONNECTION/);
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  let cuts = 0;
  await page.route(CHAT, async (route) => {
    if ((cuts += 1) > 1) return route.fallback();
    await route.fetch();
    return route.abort('connectionreset');
  });
  await stopClock(page);
  await chat.send('one of a kind');
  await chat.banner('waiting').getByRole('button', { name: 'Try now' }).click();
  await expect(chat.userMessage('one of a kind')).toHaveAttribute('data-state', /sent|stored/);
  await page.clock.resume();
  await page.reload();
  await expect(chat.userMessage('one of a kind')).toHaveCount(1);
});

test('the last two minutes are counted down, and the session can be extended', async ({ page, chat, name }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await expect(chat.banner('ending')).toHaveCount(0);
  await stopClock(page);
  await holdEvents(page);
  await page.clock.fastForward('58:30');
  await expect(chat.banner('ending')).toContainText(/ends soon\.\s*1:(30|29|2\d)/);
  const touched = page.waitForResponse('**/touch');
  await chat.banner('ending').getByRole('button', { name: 'Keep this session' }).click();
  expect((await touched).status()).toBe(200);
  await expect(chat.banner('ending')).toHaveCount(0);
});
