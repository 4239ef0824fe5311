// A phone: touch, a small screen, its own rules for Enter, and dialogs as sheets.

import { address, expect, fill, test } from '../support/fixture.js';
import { settled } from '../support/stable-layout.js';

test.use({ viewport: { width: 360, height: 640 }, hasTouch: true, isMobile: true });

test('with a finger Enter breaks the line, and the button sends', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.message.tap();
  await chat.message.pressSequentially('one');
  await chat.message.press('Enter');
  await chat.message.pressSequentially('two');
  await expect(chat.message).toHaveValue('one\ntwo');
  await chat.sendButton.tap();
  await expect(chat.mine('one')).toHaveAttribute('data-state', /sent|stored/);
});

test('no keyboard comes up unasked when a session is opened or a message is sent', async ({ page, chat, name, request }) => {
  await fill(request, name, 4);
  await page.goto(address(name));
  await expect(chat.rows).toHaveCount(4);
  await settled(page);
  await expect(chat.message).not.toBeFocused();
});

test('dialogs are sheets at the bottom of the screen', async ({ page, chat }) => {
  await page.goto('/');
  for (const [button, dialog] of [[chat.newButton, chat.newDialog], [chat.sessionsButton, chat.sessionsDialog]]) {
    await button.tap();
    await expect(dialog).toBeVisible();
    await settled(page);
    const edges = () => dialog.boundingBox().then(({ x, y, width, height }) => [x, width, Math.round(y + height)]);
    await expect.poll(edges).toEqual([0, 360, 640]);
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
  }
});

test('the composer stays in sight when the keyboard takes half of the screen', async ({ page, chat, name, request }) => {
  await fill(request, name, 20);
  await page.goto(address(name));
  await expect(chat.rows).toHaveCount(20);
  await page.setViewportSize({ width: 360, height: 320 });
  await expect(chat.sendButton).toBeInViewport({ ratio: 1 });
  await expect(chat.rows.last()).toBeInViewport();
});
