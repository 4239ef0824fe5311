// Reading: a question at the top and its reply below it, the button that jumps to the end, folded messages, and Copy.

import { createFilled, createStored, expect, gate, pathOf, scripted as test } from '../support/fixture.js';
import { waitForStableLayout } from '../support/stable-layout.js';

const LINES = Array.from({ length: 80 }, (_, index) => `line${index + 1}`).join('\n\n');

const jump = (page) => page.getByRole('button', { name: /jump to the end/i });
const fromEnd = (chat) => chat.log.evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight);

/** Opens a session with 30 messages. The model has these replies for it. */
async function openFilled({ page, chat, name, program, request }, ...replies) {
  await createFilled(request, name, 30);
  program.plan(name, ...replies);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(30);
}

/** Opens a session with some messages and starts a long reply, which stops in the middle. */
async function startLongReply(fixtures) {
  const { chat } = fixtures;
  const { opened, open } = gate();
  await openFilled(fixtures, { text: LINES, wordMs: 1, after: 40, gate: opened });
  await chat.send('Tell me everything');
  await expect(chat.reply('line40')).toBeAttached();
  return open;
}

test('a sent question moves to the top, and its reply grows below it', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  const open = await startLongReply({ page, chat, name, program, request });
  const question = chat.userMessage('Tell me everything');
  await expect.poll(() => question.evaluate((row) => row.getBoundingClientRect().top)).toBeLessThan(140);
  await expect(question).toBeInViewport();
  await expect(chat.reply('line1')).toBeInViewport();
  await expect(jump(page)).toBeVisible();
  open();
  await chat.replied();
  await expect(question).toBeInViewport();
  await expect(jump(page)).toHaveAccessibleName('Jump to the end');
  await jump(page).click();
  await expect.poll(() => fromEnd(chat)).toBeLessThan(2);
  await expect(jump(page)).toBeHidden();
});

test('a short reply leaves its question at the top, and the next question takes its turn', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  await openFilled({ page, chat, name, program, request }, { text: 'Short.' }, { text: 'Shorter.' });
  for (const text of ['first question', 'second question']) {
    await chat.say(text);
    await waitForStableLayout(page);
    await expect(chat.userMessage(text)).toBeInViewport({ ratio: 1 });
    await expect(chat.log.getByText('message 30 of 30')).not.toBeInViewport();
    await expect(jump(page)).toBeHidden();
  }
  await expect(chat.log.getByText('first question')).not.toBeInViewport();
});

/** Sends a question whose request has no response until the returned function is called. */
async function askWithoutResponse({ page, chat }, text) {
  const { opened, open } = gate();
  await page.route('**/chat', async (route) => {
    const response = await route.fetch();
    await opened;
    await route.fulfill({ response });
  });
  await chat.send(text);
  return open;
}

const isAtTop = (chat, text) => async () => {
  const [log, question] = await Promise.all([chat.log.boundingBox(), chat.userMessage(text).boundingBox()]);
  return Math.abs(question.y - log.y) < 2;
};

test('a question whose message comes by the event stream before its request is accepted keeps its row, at the top', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  await openFilled({ page, chat, name, program, request }, { text: 'Short.' });
  await expect.poll(() => program.events(name).count()).toBe(1);
  const respond = await askWithoutResponse({ page, chat }, 'early question');
  await chat.userMessage('early question').evaluate((row) => (row.isSameRow = true));
  await expect(chat.userMessage('early question')).toHaveAttribute('data-state', 'stored');
  await waitForStableLayout(page);
  await expect.poll(isAtTop(chat, 'early question')).toBe(true);
  respond();
  await chat.replied();
  await waitForStableLayout(page);
  await expect.poll(() => chat.userMessage('early question').evaluate((row) => row.isSameRow === true)).toBe(true);
  await expect.poll(isAtTop(chat, 'early question')).toBe(true);
});

test('a question keeps its row, at the top, when messages of others are loaded that came before it', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  await openFilled({ page, chat, name, program, request }, { text: 'Short.' });
  await expect.poll(() => program.events(name).count()).toBe(1);
  program.events(name).silence();
  // The page learns of this message when the question is accepted.
  await request.post(`/api/session/${encodeURIComponent(name)}/messages`, {
    data: { messages: [{ role: 'assistant', content: 'from elsewhere' }] },
  });
  const respond = await askWithoutResponse({ page, chat }, 'late question');
  await chat.userMessage('late question').evaluate((row) => (row.isSameRow = true));
  respond();
  await chat.replied();
  await expect(chat.rows).toHaveCount(33);
  await expect(chat.log.getByText('from elsewhere')).toBeAttached();
  await expect.poll(() => chat.userMessage('late question').evaluate((row) => row.isSameRow === true)).toBe(true);
  await waitForStableLayout(page);
  await expect.poll(isAtTop(chat, 'late question')).toBe(true);
});

test('after a jump, the end of a reply stays in view', async ({ page, chat, name, program, request }) => {
  const open = await startLongReply({ page, chat, name, program, request });
  await jump(page).click();
  open();
  await chat.replied();
  await expect(chat.rows.last().getByText('line80')).toBeInViewport();
  await expect.poll(() => fromEnd(chat)).toBeLessThan(2);
});

test('the position of a user who has scrolled up is preserved, and the button shows', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  const open = await startLongReply({ page, chat, name, program, request });
  await chat.log.hover();
  await page.mouse.wheel(0, -400);
  const shown = chat.rows.filter({ hasText: 'message 28 of 30' });
  await expect(shown).toBeInViewport();
  open();
  await chat.replied();
  await expect(shown).toBeInViewport();
  await expect(jump(page)).toBeVisible();
});

test('a queued message is shown at the end, and moves to the top when it is sent', async ({
  page,
  chat,
  name,
  program,
  request,
}) => {
  const open = await startLongReply({ page, chat, name, program, request });
  program.plan(name, { text: 'And more.' });
  await chat.message.fill('And then?');
  await chat.message.press('Enter');
  await expect(chat.userMessage('And then?')).toBeInViewport({ ratio: 1 });
  await expect(chat.userMessage('And then?')).toContainText('Sends after this reply');
  await expect(page.getByRole('alert')).toHaveCount(0);
  open();
  await expect(chat.reply('And more.')).toHaveAttribute('data-state', 'stored');
  await expect(chat.userMessage('And then?')).toBeInViewport({ ratio: 1 });
  await expect(chat.rows.last()).toBeInViewport({ ratio: 1 });
  await expect(chat.log.getByText('line80')).not.toBeInViewport();
});

test('a message of more than twelve lines is folded', async ({ page, chat, name, request }) => {
  const numbered = (count) => Array.from({ length: count }, (_, index) => `point ${index + 1}`).join('\n');
  await createStored(request, name, [
    ['user', numbered(12)],
    ['assistant', 'Noted.'],
    ['user', numbered(30)],
    ['assistant', 'Noted too.'],
  ]);
  await page.goto(pathOf(name));
  const [short, long] = [chat.userMessage('point 12').first(), chat.userMessage('point 30')];
  await expect(long.getByRole('button', { name: 'Show more' })).toHaveAttribute('aria-expanded', 'false');
  await expect(short.getByRole('button', { name: 'Show more' })).toBeHidden();
  const height = (row) =>
    row.locator('.body').evaluate((body) => body.clientHeight / Number.parseFloat(getComputedStyle(body).lineHeight));
  await expect.poll(() => height(long)).toBeLessThan(14);
  await long.getByRole('button', { name: 'Show more' }).click();
  await expect.poll(() => height(long)).toBeGreaterThan(30);
  await long.getByRole('button', { name: 'Show less' }).click();
  await expect.poll(() => height(long)).toBeLessThan(14);
  await expect(long).toBeInViewport();
});

test('Copy appears on hover and focus, and copies a message as it was written, without its reasoning', async ({
  page,
  context,
  chat,
  name,
  request,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await createStored(request, name, [
    ['user', '  two  spaces'],
    ['assistant', '<think>\nHm.\n</think>\n\n**Bold** and `code`'],
  ]);
  await page.goto(pathOf(name));
  const clipboard = () => page.evaluate(() => navigator.clipboard.readText());
  const reply = chat.reply('Bold');
  const actions = reply.locator('.message-actions');
  const copy = actions.getByRole('button');
  await expect(copy).toBeAttached();
  await page.mouse.move(0, 0);
  await expect(actions).toHaveCSS('opacity', '0');
  await reply.hover();
  await expect(actions).toHaveCSS('opacity', '1');
  await copy.click();
  await expect(copy).toHaveText('Copied');
  await expect(page.locator('#announcer')).toHaveText('Message copied.');
  await expect.poll(clipboard).toBe('**Bold** and `code`');
  await page.mouse.move(0, 0);
  const own = chat.userMessage('two');
  await own.getByRole('button', { name: 'Copy' }).focus();
  await expect(own.locator('.message-actions')).toHaveCSS('opacity', '1');
  await page.keyboard.press('Enter');
  await expect.poll(clipboard).toBe('  two  spaces');
});

test('without the clipboard API, a message is copied as it was written too', async ({ page, chat, name, request }) => {
  await page.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await createStored(request, name, [
    ['user', 'Hello'],
    ['assistant', '**Bold** words'],
  ]);
  await page.goto(pathOf(name));
  await page.evaluate(() =>
    window.addEventListener('copy', (event) => (window.copied = event.clipboardData.getData('text/plain'))),
  );
  await chat.reply('Bold').hover();
  await chat.reply('Bold').getByRole('button', { name: 'Copy' }).click();
  await expect.poll(() => page.evaluate(() => window.copied)).toBe('**Bold** words');
});

test.describe('on a touch screen', () => {
  test.use({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

  test('a long press shows the actions, and the next touch hides them', async ({ page, chat, name, request }) => {
    await createStored(request, name, [
      ['user', 'Hello'],
      ['assistant', 'Hello to you'],
    ]);
    await page.goto(pathOf(name));
    const actions = chat.reply('Hello to you').locator('.message-actions');
    await expect(actions.getByRole('button')).toBeAttached();
    await expect(actions).toHaveCSS('opacity', '0');
    const touch = await page.context().newCDPSession(page);
    const box = await chat.reply('Hello to you').boundingBox();
    const touchPoints = [{ x: box.x + 40, y: box.y + 30 }];
    await touch.send('Input.dispatchTouchEvent', { type: 'touchStart', touchPoints });
    await expect(actions).toHaveCSS('opacity', '1');
    await touch.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] });
    await expect(actions).toHaveCSS('opacity', '1');
    await chat.log.tap({ position: { x: 5, y: 5 } });
    await expect(actions).toHaveCSS('opacity', '0');
  });
});

test('a message that waits for the connection can be taken back', async ({
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
  await expect(chat.banner('offline')).toBeVisible();
  await chat.send('too soon');
  await expect(chat.userMessage('too soon')).toContainText('Waiting to be sent');
  await chat.userMessage('too soon').getByRole('button', { name: 'Take back' }).click();
  await expect(chat.message).toHaveValue('too soon');
  await expect(chat.rows).toHaveCount(0);
  await context.setOffline(false);
  await expect(chat.banner('offline')).toHaveCount(0);
  await page.reload();
  await expect(chat.message).toHaveValue('too soon');
  await expect(chat.rows).toHaveCount(0);
});
