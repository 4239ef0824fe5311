// Screenshots of the states with authentication, and of the dialog for all sessions, for review by people. They are not compared.

import { stopClock } from '../support/clock.js';
import { createFilled, createStored, expect, isolated, pathOf } from '../support/fixture.js';
import { TALK, takeScreenshots } from '../support/screenshots.js';

for (const [colorScheme, dir] of [
  ['light', 'ltr'],
  ['dark', 'ltr'],
  ['light', 'rtl'],
]) {
  isolated(`screenshots with authentication in ${colorScheme}, ${dir}`, async ({ page, chat, request }) => {
    isolated.setTimeout(180_000);
    const look = dir === 'ltr' ? colorScheme : `${colorScheme}-${dir}`;
    await page.addInitScript(
      (direction) => document.addEventListener('DOMContentLoaded', () => (document.documentElement.dir = direction)),
      dir,
    );
    await page.clock.install();
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    await page.route('**/api/config', async (route) => {
      const response = await route.fetch();
      await route.fulfill({ json: { ...(await response.json()), auth: 'cookie' } });
    });
    await page.goto('/');
    await expect(chat.banner('owner')).toBeVisible();
    await takeScreenshots(page, '25-owner', look);
    await chat.banner('owner').getByRole('button').click();

    for (const [index, who] of ['Grace', 'Alan', 'Barbara', 'Edsger', 'Tony'].entries())
      await createFilled(request, who, index);
    await createStored(request, 'John Doe', TALK, { persona: 'technical_support' });
    await page.goto(pathOf('John Doe'));
    await expect(page.locator('.hl-comment')).toBeVisible();
    await chat.sessionsButton.click();
    await expect(chat.row('Grace')).toBeVisible();
    const button = chat.sessionsDialog.getByRole('button', { name: 'Your data' });
    await button.click();
    const dialog = page.getByRole('dialog', { name: 'Your data' });
    await expect(dialog).toBeVisible();
    await takeScreenshots(page, '26-data', look);

    let passed = 0;
    await page.route('**/export*', (route) => ((passed += 1) <= 2 ? route.fallback() : null));
    await dialog.getByRole('button', { name: 'Export all' }).click();
    await expect(dialog).toContainText('Exporting: 2 of 6');
    await takeScreenshots(page, '27-exporting', look);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await page.unroute('**/export*');
    await chat.failCalls('**/export*', { status: 500, reason: 'INTERNAL', times: 2, request_id: '7f3a' });
    await dialog.getByRole('button', { name: 'Export all' }).click();
    await expect(dialog).toContainText('2 of 6 sessions are missing.');
    await takeScreenshots(page, '28-incomplete', look);
    await dialog.locator('.data-option').getByRole('button', { name: 'Delete all' }).click();
    await expect(dialog).toContainText('Delete all 6 sessions?');
    await takeScreenshots(page, '29-delete-all', look);
    await stopClock(page);
    await dialog.locator('.data-task').getByRole('button', { name: 'Delete all' }).click();
    await expect(dialog).toContainText('All 6 sessions will be deleted in 10 s.');
    await takeScreenshots(page, '30-undo-all', look);
    await dialog.getByRole('button', { name: 'Undo' }).click();
    await page.clock.resume();
    await page.keyboard.press('Escape');
    await page.keyboard.press('Escape');

    await chat.failCalls('**/api/**', { status: 401, reason: 'UNAUTHENTICATED' });
    await chat.send('Are you still there?');
    await expect(chat.banner('signed-out')).toBeVisible();
    await chat.message.fill('This text stays where it is.');
    await takeScreenshots(page, '31-signed-out', look);
    await chat.sessionsButton.click();
    await expect(chat.sessionsDialog.getByRole('button', { name: 'Reload' })).toBeVisible();
    await takeScreenshots(page, '32-signed-out-sessions', look);
    await page.keyboard.press('Escape');
    await chat.newButton.click();
    await takeScreenshots(page, '33-signed-out-new', look);
  });
}
