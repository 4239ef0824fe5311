// Everything by keyboard alone.

import { expect, test } from '../support/fixture.js';
import { settled } from '../support/stable-layout.js';

test('a session is created, written in, switched and deleted without a mouse', async ({ page, chat, name }) => {
  await page.goto('/');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
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
  await expect(chat.mine('hello')).toHaveAttribute('data-state', /sent|stored/);

  await chat.sessionsButton.focus();
  await page.keyboard.press('Enter');
  await expect(chat.row(name)).toBeVisible();
  await chat.row(name).getByRole('button', { name: 'Delete session' }).focus();
  await page.keyboard.press('Enter');
  await expect(chat.row(name).getByRole('button', { name: 'Undo' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.row(name).getByRole('button').first()).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.mine('hello')).toBeVisible();
});

test('Escape closes a dialog and returns the focus to its opener', async ({ page, chat }) => {
  await page.goto('/');
  for (const [button, dialog] of [[chat.newButton, chat.newDialog], [chat.sessionsButton, chat.sessionsDialog]]) {
    await button.focus();
    await page.keyboard.press('Enter');
    await expect(dialog).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(dialog).toBeHidden();
    await expect(button).toBeFocused();
  }
});

test('cancel keeps what was typed for the next time', async ({ page, chat }) => {
  await page.goto('/');
  await chat.newButton.click();
  await chat.newDialog.getByLabel('Display Name').fill('not yet');
  await chat.newDialog.getByRole('button', { name: 'Cancel' }).click();
  await expect(chat.newButton).toBeFocused();
  await chat.newButton.click();
  await expect(chat.newDialog.getByLabel('Display Name')).toHaveValue('not yet');
});

test('the skip link leads past the header to the message box', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.say('hello');
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to the message box' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.message).toBeFocused();
  await expect(chat.rows).toHaveCount(2);
});

test('the focus is not lost when the button under it goes away', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.refuse('**/chat', { status: 500, reason: 'INTERNAL', times: 1 });
  await chat.send('hello');
  await chat.mine('hello').getByRole('button', { name: 'Retry' }).press('Enter');
  await chat.replied();
  await expect(chat.message).toBeFocused();
  await chat.refuse('**/chat', { status: 503, reason: 'OVERLOADED', times: 1, headers: { 'retry-after': '60' } });
  await chat.send('again');
  await chat.banner('waiting').getByRole('button', { name: 'Try now' }).press('Enter');
  await expect(chat.mine('again')).toHaveAttribute('data-state', /sent|stored/);
  await expect(chat.message).toBeFocused();
});

test('the theme goes from the system to light to dark and is remembered', async ({ page }) => {
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.goto('/');
  const paper = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await settled(page);
  const dark = await paper();
  const button = page.getByRole('button', { name: /^Theme/ });
  await button.click();
  await expect(button).toHaveAccessibleName('Theme: light');
  await expect.poll(paper).not.toBe(dark);
  await page.reload();
  await expect(button).toHaveAccessibleName('Theme: light');
  await expect.poll(paper).not.toBe(dark);
  const around = () => page.locator('meta[name=theme-color]').evaluateAll((all) => all.find(({ media }) => matchMedia(media).matches).content);
  await expect.poll(around).toBe('#ffffff');
  await button.click();
  await expect(button).toHaveAccessibleName('Theme: dark');
  await expect.poll(paper).toBe(dark);
  await expect.poll(around).toBe('#1d1f21');
});
