// The list of sessions next to the conversation, on wide screens.

import { expectNoViolations } from '../support/axe.js';
import { createFilled, expect, isolated, pathOf, test } from '../support/fixture.js';

const columnOf = (page) => page.getByRole('complementary', { name: 'Sessions' });
const rowsOf = (page) => columnOf(page).getByRole('listitem');

test('the list stands next to the conversation from 1100 pixels on, and can be collapsed', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, name, 2);
  await page.setViewportSize({ width: 1100, height: 760 });
  await page.goto(pathOf(name));
  const row = rowsOf(page).filter({ hasText: name });
  await expect(row.getByRole('link')).toHaveAttribute('aria-current', 'true');
  await expectNoViolations(page, 'with the list');
  const button = page.getByRole('button', { name: 'List of sessions' });
  await expect(button).toHaveAttribute('aria-expanded', 'true');
  await button.click();
  await expect(columnOf(page)).toBeHidden();
  await expect(button).toHaveAttribute('aria-expanded', 'false');
  await page.reload();
  await expect(chat.rows).toHaveCount(2);
  await expect(columnOf(page)).toBeHidden();
  await button.click();
  await expect(row).toBeVisible();
  await page.setViewportSize({ width: 1099, height: 760 });
  await expect(columnOf(page)).toBeHidden();
  await expect(button).toBeHidden();
});

test('a click switches the session, and the Sessions button opens the dialog', async ({
  page,
  chat,
  name,
  request,
}) => {
  await createFilled(request, `${name} a`, 2);
  await createFilled(request, `${name} b`, 4);
  await page.goto(pathOf(`${name} a`));
  await rowsOf(page)
    .filter({ hasText: `${name} b` })
    .getByRole('link')
    .click();
  await expect(chat.rows).toHaveCount(4);
  await expect(chat.message).toBeFocused();
  await chat.sessionsButton.click();
  await expect(chat.sessionsDialog).toBeVisible();
  await expect(chat.sessionsDialog.getByRole('searchbox')).toBeFocused();
});

isolated('the list follows the open conversation', async ({ page, chat, name }) => {
  await page.goto('/');
  await expect(columnOf(page)).toBeHidden();
  await chat.send('A first question');
  await expect(columnOf(page)).toBeVisible();
  await chat.replied();
  await expect(rowsOf(page)).toHaveCount(1);
  await expect(rowsOf(page).getByText(/^ends in (59|60) min$/)).toBeVisible();
  await chat.create(name);
  await expect(rowsOf(page)).toHaveCount(2);
  await expect(rowsOf(page).first()).toContainText(name);
  await expect(rowsOf(page).first()).toContainText('No messages yet');
});

test('nothing moves while the list is loaded', async ({ page, chat, name, request }) => {
  for (let index = 0; index < 5; index += 1) await createFilled(request, `${name} ${index}`, 1);
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => {
      for (const { value } of list.getEntries()) window.shifts += value;
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(pathOf(`${name} 0`));
  await expect(rowsOf(page).filter({ hasText: `${name} 0` })).toBeVisible();
  await expect(chat.rows).toHaveCount(1);
  await expect.poll(() => page.evaluate(() => window.shifts)).toBeLessThan(0.01);
});
