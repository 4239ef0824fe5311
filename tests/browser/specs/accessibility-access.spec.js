// Accessibility of the states with authentication, and of the dialog for all sessions: axe finds no violation.

import { configure, expectNoViolations, LOOKS } from '../support/axe.js';
import { stopClock, withSlowClock } from '../support/clock.js';
import { createFilled, expect, test } from '../support/fixture.js';

for (const look of LOOKS) {
  const name = `${look.colorScheme}, ${look.direction}`;

  test.describe(name, () => {
    configure(test, look);

    test(`the notice of the owner and the states of a signed-out browser are accessible (${name})`, async ({
      page,
      chat,
      name,
    }) => {
      await page.route('**/api/config', async (route) => {
        const response = await route.fetch();
        await route.fulfill({ json: { ...(await response.json()), auth: 'cookie' } });
      });
      await page.goto('/');
      await expect(chat.banner('owner')).toBeVisible();
      await expectNoViolations(page, 'notice of the owner');
      await chat.create(name);
      await chat.failCalls('**/api/**', { status: 401, reason: 'UNAUTHENTICATED', login_url: '/login' });
      await chat.send('kept');
      await expect(chat.banner('signed-out')).toBeVisible();
      await expectNoViolations(page, 'signed out');
      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByRole('button', { name: 'Sign in' })).toBeVisible();
      await expectNoViolations(page, 'signed out, Sessions dialog');
      await page.keyboard.press('Escape');
      await chat.newButton.click();
      await expect(chat.newDialog.getByRole('button', { name: 'Sign in' })).toBeVisible();
      await expectNoViolations(page, 'signed out, New dialog');
    });

    test(`the dialog for all sessions is accessible (${name})`, async ({ page, chat, name, request }) => {
      await createFilled(request, name, 1);
      await page.clock.install();
      await page.goto('/');
      await chat.sessionsButton.click();
      await expect(chat.row(name)).toBeVisible();
      await chat.sessionsDialog.getByRole('button', { name: 'Your data' }).click();
      const dialog = page.getByRole('dialog', { name: 'Your data' });
      const task = dialog.locator('.data-task');
      const exportAll = dialog.getByRole('button', { name: 'Export all' });
      await expect(dialog).toBeVisible();
      await expectNoViolations(page, 'no task');
      // One export never ends.
      await page.route('**/export*', () => {}, { times: 1 });
      await exportAll.click();
      await expect(dialog.getByRole('progressbar')).toBeVisible();
      await expectNoViolations(page, 'exporting');
      await dialog.getByRole('button', { name: 'Cancel' }).click();
      await chat.failCalls('**/export*', { status: 500, reason: 'INTERNAL', times: 1 });
      await exportAll.click();
      await expect(task).toContainText(/ (is|are) missing\./);
      await expectNoViolations(page, 'incomplete');
      await dialog.locator('.data-option').getByRole('button', { name: 'Delete all' }).click();
      await expect(task).toContainText(/Delete .*\?/);
      await expectNoViolations(page, 'confirmation');
      // The analysis may take longer than the ten seconds in which the deletion can be undone.
      await stopClock(page);
      await task.getByRole('button', { name: 'Delete all' }).click();
      await expect(task).toContainText('will be deleted in 10 s.');
      await withSlowClock(page, () => expectNoViolations(page, 'time for undo'));
      await task.getByRole('button', { name: 'Undo' }).click();
      await expect(task).toContainText('Nothing was deleted.');
      await withSlowClock(page, () => expectNoViolations(page, 'undone'));
    });
  });
}
