// Deleting a session, and undo.

import { stopClock } from '../support/clock.js';
import { expect, test } from '../support/fixture.js';

test('a deletion can be undone within ten seconds', async ({ page, chat, name }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await chat.sessionsButton.click();
  await expect(chat.row(name)).toContainText('Current');
  await stopClock(page);
  await chat.choose(name, 'Delete');
  await expect(chat.row(name)).toContainText('was deleted');
  await page.clock.runFor(9_000);
  await expect(chat.row(name).getByRole('button', { name: 'Undo' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(chat.row(name)).toContainText('Current');
  await expect(chat.user).toHaveText(name);
});

test('the session is deleted permanently when the time for undo ends', async ({ page, chat, name, request }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await chat.sessionsButton.click();
  await expect(chat.row(name)).toContainText('Current');
  await stopClock(page);
  await chat.choose(name, 'Delete');
  await chat.sessionsDialog.getByRole('button', { name: 'Close' }).click();
  await expect(page.locator('.toast')).toContainText(`Session of ${name} was deleted.`);
  await page.clock.runFor(9_000);
  expect((await request.get(`/api/session/${encodeURIComponent(name)}`)).status()).toBe(200);
  const deleted = page.waitForResponse((response) => response.request().method() === 'DELETE');
  await page.clock.runFor(1_000);
  expect((await deleted).status()).toBe(204);
  await expect(page.locator('.toast')).toHaveCount(0);
  await expect(page.getByRole('heading', { name: 'Who would you like to talk to?' })).toBeVisible();
  expect((await request.get(`/api/session/${encodeURIComponent(name)}`)).status()).toBe(404);
});

test('leaving the page before the time for undo ends deletes the session', async ({ page, chat, name, request }) => {
  await page.goto('/');
  await chat.create(name);
  await chat.sessionsButton.click();
  await chat.choose(name, 'Delete');
  await page.goto('about:blank');
  await expect.poll(async () => (await request.get(`/api/session/${encodeURIComponent(name)}`)).status()).toBe(404);
});

test('undo in the toast opens the session again', async ({ page, chat, name }) => {
  await page.clock.install();
  await page.goto('/');
  await chat.create(name);
  await chat.say('do not lose me');
  await chat.sessionsButton.click();
  await expect(chat.row(name)).toContainText('Current');
  await stopClock(page);
  await chat.choose(name, 'Delete');
  await page.keyboard.press('Escape');
  await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await expect(chat.userMessage('do not lose me')).toBeVisible();
});
