// A phone: touch, a small screen, Enter, and dialogs as sheets.

import { createFilled, expect, pathOf, test } from '../support/fixture.js';
import { waitForStableLayout } from '../support/stable-layout.js';

test.use({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

test('on a touch screen, Enter starts a new line and the button sends', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.message.tap();
  await chat.message.pressSequentially('one');
  await chat.message.press('Enter');
  await chat.message.pressSequentially('two');
  await expect(chat.message).toHaveValue('one\ntwo');
  await chat.sendButton.tap();
  await expect(chat.userMessage('one')).toHaveAttribute('data-state', /sent|stored/);
});

test('the message box is not focused when a session is opened', async ({ page, chat, name, request }) => {
  await createFilled(request, name, 4);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(4);
  await waitForStableLayout(page);
  await expect(chat.message).not.toBeFocused();
});

test('dialogs are sheets at the bottom of the screen', async ({ page, chat }) => {
  await page.goto('/');
  for (const [button, dialog] of [
    [chat.newButton, chat.newDialog],
    [chat.sessionsButton, chat.sessionsDialog],
  ]) {
    await button.tap();
    await expect(dialog).toBeVisible();
    await waitForStableLayout(page);
    const edges = () => dialog.boundingBox().then(({ x, y, width, height }) => [x, width, Math.round(y + height)]);
    await expect.poll(edges).toEqual([0, 360, 640]);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
  }
});

test('the message box remains visible when the keyboard takes half of the screen', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 20);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(20);
  await page.setViewportSize({ width: 360, height: 320 });
  await expect(chat.sendButton).toBeInViewport({ ratio: 1 });
  await expect(chat.rows.last()).toBeInViewport();
});

test('with the keyboard shown, the header, the note and Send leave half of the height to the conversation', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 20, { persona: 'mental_health_nurse' });
  await page.setViewportSize({ width: 360, height: 400 });
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(20);
  await expect(page.locator('#disclaimer')).toBeVisible();
  await waitForStableLayout(page);
  const height = (selector) => page.locator(selector).evaluate((node) => node.getBoundingClientRect().height);
  await expect.poll(() => height('#log')).toBeGreaterThanOrEqual(400 * 0.5);
  await expect.poll(() => height('.header')).toBeLessThanOrEqual(56);
  await expect.poll(() => height('#disclaimer')).toBeLessThanOrEqual(28);
  for (const button of [chat.newButton, chat.sessionsButton, chat.sendButton])
    await expect(button).toBeInViewport({ ratio: 1 });
  await expect(chat.user).toBeInViewport({ ratio: 1 });
});

test('the key of the keyboard is the one for a new line, and the hint about Enter is not read', async ({
  page,
  chat,
}) => {
  await page.goto('/');
  await expect(chat.message).toHaveAttribute('enterkeyhint', 'enter');
  await expect(chat.message).not.toHaveAccessibleDescription(/Enter sends/);
});

test('the actions of a message are tap targets of 44 pixels', async ({ page, chat, name, request }) => {
  await createFilled(request, name, 2);
  await page.goto(pathOf(name));
  const actions = page.locator('.message-actions button');
  await expect(actions).toHaveCount(2);
  await waitForStableLayout(page);
  for (const action of await actions.all()) {
    await expect
      .poll(() => action.boundingBox().then(({ width, height }) => Math.min(width, height)))
      .toBeGreaterThanOrEqual(44);
  }
  await expect(chat.rows).toHaveCount(2);
});
