// Calls that are rejected with 401: a banner with a way forward, the same words in the dialogs, and nothing written is lost.

import { expect, test, withCookies } from '../support/fixture.js';

const API = '**/api/**';
const DETAIL = 'the request has no cookie: load the page of this server once';
const NO_COOKIE =
  'This browser has no valid cookie for this server. Reload the page to continue; what you wrote is kept.';
const SIGNED_OUT = 'You are signed out. What you wrote is kept.';

const signOut = (chat, more) =>
  chat.failCalls(API, { status: 401, reason: 'UNAUTHENTICATED', detail: DETAIL, ...more });
const signIn = (page) => page.unrouteAll();

test('a rejected message and a draft survive the reload that the banner offers', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('before');
  await signOut(chat);
  await chat.send('in between');
  await expect(chat.banner('signed-out').getByRole('alert')).toHaveText(NO_COOKIE);
  await expect(page.locator('.banner')).toHaveCount(1);
  await expect(chat.userMessage('in between')).toContainText('Waiting to be sent');
  await chat.message.fill('a draft');
  await expect(page.getByText(DETAIL)).toHaveCount(0);
  await signIn(page);
  await chat.banner('signed-out').getByRole('button', { name: 'Reload' }).click();
  await expect(chat.userMessage('in between')).toHaveAttribute('data-state', /sent|stored/);
  await chat.replied();
  await expect(chat.userMessage('in between')).toHaveCount(1);
  await expect(chat.banner('signed-out')).toHaveCount(0);
  await expect(chat.message).toHaveValue('a draft');
});

test('a rejected message is sent after a login on another page', async ({ page, chat, name }) => {
  await page.route('**/login', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<title>Login</title><a href="/">Continue</a>' }),
  );
  await page.goto('/');
  await chat.create(name);
  await chat.failCalls(API, { status: 401, reason: 'UNAUTHENTICATED', detail: DETAIL, login_url: '/login' });
  await chat.send('kept during the login');
  await chat.message.fill('a draft');
  await expect(chat.banner('signed-out').getByRole('alert')).toHaveText(SIGNED_OUT);
  await chat.banner('signed-out').getByRole('button', { name: 'Sign in' }).click();
  await expect(page).toHaveTitle('Login');
  await signIn(page);
  await page.getByRole('link', { name: 'Continue' }).click();
  await expect(chat.userMessage('kept during the login')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.message).toHaveValue('a draft');
});

test('a login in another tab ends the state when this one has the focus again', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await signOut(chat);
  await chat.send('patient');
  await expect(chat.banner('signed-out')).toBeVisible();
  await signIn(page);
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await expect(chat.userMessage('patient')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.banner('signed-out')).toHaveCount(0);
});

test('a page that is signed out from the start loads the conversation after the login', async ({
  page,
  chat,
  name,
}) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('hello');
  await signOut(chat, { login_url: 'javascript:alert(1)' });
  await page.reload();
  await expect(chat.banner('signed-out').getByRole('alert')).toHaveText(NO_COOKIE);
  await expect(page.locator('.banner')).toHaveCount(1);
  await signIn(page);
  await page.evaluate(() => window.dispatchEvent(new Event('focus')));
  await expect(chat.userMessage('hello')).toBeVisible();
  await expect(page.locator('.banner')).toHaveCount(0);
});

test('the dialogs have the words and the action of the banner', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await signOut(chat, { login_url: 'https://login.example/' });
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog.getByRole('alert')).toHaveText([SIGNED_OUT]);
  await expect(chat.sessionsDialog.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await page.keyboard.press('Escape');
  await chat.newButton.click();
  await chat.newDialog.getByLabel('Display Name').fill(`${name} 2`);
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.newDialog.getByRole('button', { name: 'Create Session' })).toBeEnabled();
  await expect(chat.newDialog.getByRole('alert').filter({ hasText: /./ })).toHaveText([SIGNED_OUT]);
  await expect(chat.newDialog.getByRole('button', { name: 'Sign in' })).toBeVisible();
  await expect(chat.newDialog.getByLabel('Display Name')).toHaveValue(`${name} 2`);
  await signIn(page);
  await chat.newDialog.getByRole('button', { name: 'Create Session' }).click();
  await expect(chat.user).toHaveText(`${name} 2`);
  await expect(chat.banner('signed-out')).toHaveCount(0);
});

test('an export link does not download an error', async ({ page, chat, name }) => {
  const downloads = [];
  page.on('download', (download) => downloads.push(download.suggestedFilename()));
  await page.goto('/');
  await chat.create(name);
  await chat.sessionsButton.click();
  await expect(chat.row(name)).toBeVisible();
  await signOut(chat);
  await chat.choose(name, 'Export as JSON');
  await expect(chat.sessionsDialog.getByRole('alert')).toHaveText([NO_COOKIE]);
  expect(downloads).toEqual([]);
  await signIn(page);
  const [download] = await Promise.all([page.waitForEvent('download'), chat.choose(name, 'Export as JSON')]);
  expect(download.suggestedFilename()).toMatch(/^session_Ada.*\.json$/);
  await expect(chat.sessionsDialog.getByText(NO_COOKIE)).toBeHidden();
});

withCookies(
  'after the cookie was deleted, a reload gives a new one, and the unsent message can be sent to a new session',
  async ({ page, context, chat, name, expectedErrors }) => {
    expectedErrors.push(/status of 40[14] /);
    await page.goto('/');
    await chat.create(name);
    await chat.say('of the old owner');
    await context.clearCookies();
    await chat.send('unsent');
    await expect(chat.banner('signed-out').getByRole('alert')).toHaveText(NO_COOKIE);
    await chat.message.fill('a draft');
    await chat.banner('signed-out').getByRole('button', { name: 'Reload' }).click();
    await chat.banner('gone').getByRole('button').click();
    await expect(chat.userMessage('unsent')).toHaveAttribute('data-state', /sent|stored/);
    await expect(chat.userMessage('of the old owner')).toHaveCount(0);
    await expect(chat.message).toHaveValue('a draft');
  },
);

withCookies(
  'a cookie that comes back is used without a reload',
  async ({ page, context, chat, name, expectedErrors }) => {
    expectedErrors.push(/status of 401 /);
    await page.goto('/');
    await chat.create(name);
    const cookies = await context.cookies();
    await context.clearCookies();
    await chat.send('unsent');
    await expect(chat.banner('signed-out')).toBeVisible();
    await context.addCookies(cookies);
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await expect(chat.userMessage('unsent')).toHaveAttribute('data-state', /sent|stored/);
  },
);
