// Shortcuts of the keyboard, files that are dropped or pasted, and the title of the tab.

import { expectNoViolations } from '../support/axe.js';
import { createFilled, expect, gate, pathOf, scripted, test } from '../support/fixture.js';

test('Ctrl+K opens the sessions with the focus in the search, and Escape returns to the message box', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 2);
  await page.goto(pathOf(name));
  await expect(chat.rows).toHaveCount(2);
  await page.keyboard.press('Control+k');
  const search = chat.sessionsDialog.getByRole('searchbox');
  await expect(search).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(search).not.toBeFocused();
  await page.keyboard.press('Control+k');
  await expect(search).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(chat.sessionsDialog).toBeHidden();
  await expect(chat.message).toBeFocused();
  await expect(chat.sessionsButton).toHaveAttribute('title', 'Sessions (Ctrl+K)');
});

test('a sheet shows the shortcuts, and a question mark in the message box is text', async ({ page, chat }) => {
  await page.goto('/');
  await chat.message.press('?');
  await expect(chat.message).toHaveValue('?');
  await chat.sessionsButton.focus();
  await page.keyboard.press('?');
  const sheet = page.getByRole('dialog', { name: 'Keyboard shortcuts' });
  await expect(sheet.getByText('Send the message')).toBeVisible();
  await expectNoViolations(page, 'shortcuts');
  await page.keyboard.press('Escape');
  await expect(chat.sessionsButton).toBeFocused();
  await page.getByRole('button', { name: 'Keyboard shortcuts' }).click();
  await sheet.getByRole('button', { name: 'Close' }).click();
  await expect(sheet).toBeHidden();
});

scripted(
  'Escape closes a dialog first and then stops the reply, and the arrow takes a queued message back',
  async ({ page, chat, name, program }) => {
    const { opened } = gate();
    program.plan(name, { text: 'One two three', after: 2, gate: opened });
    await page.goto('/');
    await chat.create(name);
    await chat.send('Count');
    await expect(chat.reply('One two')).toBeVisible();
    await chat.send('and on');
    await expect(chat.userMessage('and on')).toHaveAttribute('data-state', 'queued');
    await chat.message.press('ArrowUp');
    await expect(chat.message).toHaveValue('and on');
    await expect(chat.userMessage('and on')).toHaveCount(0);
    await chat.message.fill('');
    await chat.message.press('ArrowUp');
    await expect(chat.message).toHaveValue('');
    await page.keyboard.press('Control+k');
    await expect(chat.sessionsDialog).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(chat.sessionsDialog).toBeHidden();
    await expect(chat.reply('One two')).toHaveAttribute('data-state', 'streaming');
    await page.keyboard.press('Escape');
    await expect(chat.reply('One two')).toHaveAttribute('data-state', 'stopped');
  },
);

scripted('the title and the icon of a hidden tab tell that a reply has come', async ({ page, chat, name, program }) => {
  const { opened, open } = gate();
  program.plan(name, { text: 'One two', after: 1, gate: opened });
  await page.goto('/');
  await chat.create(name);
  await chat.send('Hello');
  await expect(chat.reply('One')).toBeVisible();
  const setHidden = (hidden) =>
    page.evaluate((value) => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => value });
      document.dispatchEvent(new Event('visibilitychange'));
    }, hidden);
  await setHidden(true);
  open();
  await expect(page).toHaveTitle(`(1) ${name} · Nono Chat Bot`);
  await expect(page.locator('link[rel=icon]')).toHaveAttribute('href', 'icon-unread.svg');
  await setHidden(false);
  await expect(page).toHaveTitle(`${name} · Nono Chat Bot`);
  await expect(page.locator('link[rel=icon]')).toHaveAttribute('href', 'icon.svg');
});

test('a dropped file does not replace the page, and a pasted image is refused', async ({ page, chat }) => {
  await page.goto('/');
  const dispatch = (type) =>
    chat.message.evaluate((field, kind) => {
      const data = new DataTransfer();
      data.items.add(new File(['x'], 'picture.png', { type: 'image/png' }));
      const init = { bubbles: true, cancelable: true };
      const event =
        kind === 'paste'
          ? new ClipboardEvent(kind, { ...init, clipboardData: data })
          : new DragEvent(kind, { ...init, dataTransfer: data });
      return field.dispatchEvent(event);
    }, type);
  for (const type of ['dragover', 'drop', 'paste']) await expect.poll(() => dispatch(type)).toBe(false);
  const error = page.locator('#message-error');
  await expect(error).toHaveText('Files and images cannot be sent, only text.');
  await chat.message.pressSequentially('text');
  await expect(error).toHaveText('');
});

test('the toast of a deletion does not cover the message box or the newest message', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, `${name} other`, 1);
  await createFilled(request, name, 30);
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 640 });
    await page.goto(pathOf(name));
    await expect(chat.rows).toHaveCount(30);
    await chat.sessionsButton.click();
    await chat.choose(`${name} other`, 'Delete');
    await page.keyboard.press('Escape');
    const toast = page.locator('.toast');
    await expect(toast).toBeVisible();
    await expect
      .poll(() => toast.evaluate((node) => node.getBoundingClientRect().bottom))
      .toBeLessThan(await chat.rows.last().evaluate((node) => node.getBoundingClientRect().top));
    await toast.getByRole('button', { name: 'Undo' }).click();
  }
});
