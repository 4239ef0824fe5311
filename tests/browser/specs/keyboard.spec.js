// Use by keyboard only.

import { expect, test } from '../support/fixture.js';
import { waitForStableLayout } from '../support/stable-layout.js';

test('a session is created, used, switched and deleted without a mouse', async ({ page, chat, name }) => {
  await page.goto('/');
  await expect(chat.message).toBeFocused();
  // Backwards over the link to the earlier sessions, the personas and the Sessions button.
  for (let step = 0; step < 4; step += 1) await page.keyboard.press('Shift+Tab');
  await expect(chat.newButton).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.newDialog.getByLabel('Display Name')).toBeFocused();
  await page.keyboard.type(name);
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowDown');
  await expect(chat.newDialog.getByLabel('Persona')).toHaveValue('mental_health_nurse');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(chat.message).toBeFocused();
  await page.keyboard.type('hello');
  await page.keyboard.press('Enter');
  await expect(chat.userMessage('hello')).toHaveAttribute('data-state', /sent|stored/);

  await chat.sessionsButton.focus();
  await page.keyboard.press('Enter');
  await expect(chat.row(name)).toBeVisible();
  await expect(chat.sessionsDialog.getByRole('searchbox')).toBeFocused();
  await page.keyboard.type(name);
  await page.keyboard.press('ArrowDown');
  await expect(chat.link(name)).toBeFocused();
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('menuitem', { name: 'Copy link' })).toBeFocused();
  await page.keyboard.press('ArrowUp');
  await expect(page.getByRole('menuitem', { name: 'Delete' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.row(name).getByRole('button', { name: 'Undo' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.link(name)).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.userMessage('hello')).toBeVisible();
});

test('Escape closes a dialog and returns the focus to its opener', async ({ page, chat }) => {
  await page.goto('/');
  for (const [button, dialog] of [
    [chat.newButton, chat.newDialog],
    [chat.sessionsButton, chat.sessionsDialog],
  ]) {
    await button.focus();
    await page.keyboard.press('Enter');
    await expect(dialog).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(button).toBeFocused();
  }
});

test('Cancel keeps the input', async ({ page, chat }) => {
  await page.goto('/');
  await chat.newButton.click();
  await chat.newDialog.getByLabel('Display Name').fill('not yet');
  await chat.newDialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(chat.newButton).toBeFocused();
  await chat.newButton.click();
  await expect(chat.newDialog.getByLabel('Display Name')).toHaveValue('not yet');
});

test('the skip link moves the focus to the message box', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('hello');
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  await page.getByRole('button', { name: 'List of sessions' }).focus();
  await page.keyboard.press('Shift+Tab');
  await expect(page.getByRole('link', { name: 'Skip to the message box' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.message).toBeFocused();
  await expect(chat.rows).toHaveCount(2);
});

test('the focus is not lost when its button is removed', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.failCalls('**/chat', { status: 500, reason: 'INTERNAL', times: 1 });
  await chat.send('hello');
  await chat.userMessage('hello').getByRole('button', { name: 'Try again' }).press('Enter');
  await chat.replied();
  await expect(chat.message).toBeFocused();
  await chat.failCalls('**/chat', { status: 503, reason: 'OVERLOADED', times: 1, headers: { 'retry-after': '60' } });
  await chat.send('again');
  await chat.banner('waiting').getByRole('button', { name: 'Try now' }).press('Enter');
  await expect(chat.userMessage('again')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.message).toBeFocused();
});

test('the theme changes from the system to light to dark and is stored', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto('/');
  const canvasColor = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await waitForStableLayout(page);
  const dark = await canvasColor();
  const button = page.getByRole('button', { name: /^Theme/ });
  await button.click();
  await expect(button).toHaveAccessibleName('Theme: light');
  await expect.poll(canvasColor).not.toBe(dark);
  await page.reload();
  await expect(button).toHaveAccessibleName('Theme: light');
  await expect.poll(canvasColor).not.toBe(dark);
  const toolbarColor = () =>
    page
      .locator('meta[name=theme-color]')
      .evaluateAll((all) => all.find(({ media }) => matchMedia(media).matches).content);
  await expect.poll(toolbarColor).toBe('#ffffff');
  await button.click();
  await expect(button).toHaveAccessibleName('Theme: dark');
  await expect.poll(canvasColor).toBe(dark);
  await expect.poll(toolbarColor).toBe('#1d1f21');
});
