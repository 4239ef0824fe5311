// axe finds nothing to object to in any state, in light and in dark; and the page needs no sideways scrolling at 320 pixels.

import { AxeBuilder } from '@axe-core/playwright';
import { expect, fill, scripted, test } from '../support/fixture.js';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22a', 'wcag22aa'];

/** Many analyses each, of about a second on an idle core. */
test.describe.configure({ timeout: 60_000 });

async function expectNoViolations(page, state) {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target, failureSummary }) => `${target} ${failureSummary}`).join('; ')}`);
  expect(found, state).toEqual([]);
}

for (const colorScheme of ['light', 'dark']) {
  test.describe(`in ${colorScheme}`, () => {
    // Without transitions: axe would measure a colour on its way.
    test.use({ colorScheme, reducedMotion: 'reduce', contextOptions: { reducedMotion: 'reduce' } });

    test(`the welcome page and the New dialog are accessible (${colorScheme})`, async ({ page, chat, name, expected }) => {
      expected.push(/status of 4\d\d /);
      await page.goto('/');
      await expect(page.getByRole('button', { name: 'Creative Writer' })).toBeVisible();
      await expectNoViolations(page, 'welcome');
      await chat.create(name);
      await expectNoViolations(page, 'empty session');
      await chat.newButton.click();
      await expectNoViolations(page, 'New dialog');
      await chat.newDialog.getByLabel('Display Name').fill(name);
      await page.keyboard.press('Enter');
      await expect(chat.newDialog.getByText('is in use')).toBeVisible();
      await expectNoViolations(page, 'name in use');
    });

    test(`a conversation and the Sessions dialog are accessible (${colorScheme})`, async ({ page, chat, name, request }) => {
      await fill(request, name, 60, { persona: 'mental_health_nurse' });
      await page.goto(`/?${new URLSearchParams({ session: name })}`);
      await expect(chat.rows).toHaveCount(50);
      await expectNoViolations(page, 'loaded');
      await chat.sessionsButton.click();
      await expect(chat.row(name)).toContainText('Current');
      await expectNoViolations(page, 'Sessions dialog');
      await chat.row(name).getByRole('button', { name: 'Delete session' }).click();
      await expectNoViolations(page, 'undo in the dialog');
      await page.keyboard.press('Escape');
      await expect(page.locator('.toast')).toBeVisible();
      await expectNoViolations(page, 'undo in the toast');
      await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
      await expect(chat.rows).toHaveCount(50);
    });

    test(`the Sessions dialog is accessible when it is empty and when it cannot be loaded (${colorScheme})`, async ({ page, chat }) => {
      await page.route('**/sessions?*', (route) => route.fulfill({ json: { sessions: [], count: 0 } }), { times: 1 });
      await page.goto('/');
      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByText('There are no sessions yet.')).toBeVisible();
      await expectNoViolations(page, 'empty list');
      await page.keyboard.press('Escape');
      await chat.refuse('**/sessions?*', { status: 503, reason: 'STORE_UNAVAILABLE', headers: { 'retry-after': '60' } });
      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByRole('button', { name: 'Try now' })).toBeVisible();
      await expectNoViolations(page, 'list unavailable');
    });

    test(`a failed message and every banner are accessible (${colorScheme})`, async ({ page, context, chat, name, request, expected }) => {
      expected.push(/status of 4\d\d |ERR_INTERNET_DISCONNECTED/);
      await page.clock.install();
      await page.goto('/');
      await chat.create(name);
      await chat.refuse('**/chat', { status: 500, reason: 'INTERNAL', times: 1 });
      await chat.send('this will fail');
      await expect(chat.mine('this will fail')).toContainText('Not sent');
      await expectNoViolations(page, 'failed message');
      await chat.refuse('**/chat', { status: 503, reason: 'STORE_UNAVAILABLE', times: 1, headers: { 'retry-after': '60' } });
      await chat.send('this will wait');
      await expect(chat.banner('waiting')).toBeVisible();
      await expectNoViolations(page, 'waiting');
      await chat.banner('waiting').getByRole('button').click();
      // The message that failed stays below.
      await expect(chat.theirs('')).toHaveAttribute('data-state', 'stored', { timeout: 15_000 });
      await page.clock.fastForward('58:30');
      await expect(chat.banner('ending')).toBeVisible();
      await expectNoViolations(page, 'ending');
      await context.setOffline(true);
      await expect(chat.banner('offline')).toBeVisible();
      await expectNoViolations(page, 'offline');
      await context.setOffline(false);
      await request.delete(`/api/session/${encodeURIComponent(name)}`);
      await chat.send('too late');
      await expect(chat.banner('gone')).toBeVisible();
      await expectNoViolations(page, 'gone');
    });
  });
}

for (const colorScheme of ['light', 'dark']) {
  scripted.describe(`replies in ${colorScheme}`, () => {
    scripted.use({ colorScheme, contextOptions: { reducedMotion: 'reduce' } });

    scripted(`a reply is accessible while it streams, stopped, waited for and failed (${colorScheme})`, async ({ page, chat, name, program }) => {
      let open;
      const gate = new Promise((resolve) => (open = resolve));
      program.plan(name, { text: 'Half of a reply', after: 2, gate }, { after: 0, fails: true }, { text: 'Half of a reply', after: 2, fails: true });
      await page.goto('/');
      await chat.create(name);
      await chat.send('first');
      await expect(chat.theirs('Half of')).toBeVisible();
      await expectNoViolations(page, 'streaming');
      await chat.stopButton.click();
      await expect(chat.theirs('Half of')).toHaveAttribute('data-state', 'stopped');
      await expectNoViolations(page, 'stopped');
      await page.reload();
      await expect(chat.rows.last()).toContainText('Waiting for the reply…');
      await expectNoViolations(page, 'waiting');
      open();
      await chat.replied();
      await chat.send('second');
      await expect(chat.mine('second')).toHaveAttribute('data-state', 'unanswered');
      await expectNoViolations(page, 'no reply');
      await chat.mine('second').getByRole('button', { name: 'Retry' }).click();
      await expect(chat.rows.last()).toHaveAttribute('data-state', 'cut');
      await expectNoViolations(page, 'incomplete');
    });
  });
}

test('nothing needs sideways scrolling at 320 pixels, and targets are 44 pixels high', async ({ page, chat, name, request }) => {
  await page.setViewportSize({ width: 320, height: 640 });
  await fill(request, `${name} ${'long'.repeat(20)}`, 3);
  await page.goto('/');
  const check = async (state) => {
    const wide = await page.locator('html, .below:visible, .log:visible, dialog:visible, .dialog-body:visible').evaluateAll((all) =>
      all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.className || one.tagName),
    );
    expect(wide, state).toEqual([]);
    const small = await page.locator('button:visible, input:visible, select:visible, textarea:visible').evaluateAll((all) =>
      all.filter((one) => one.getBoundingClientRect().height < 44 || one.getBoundingClientRect().width < 44).map((one) => one.outerHTML),
    );
    expect(small, state).toEqual([]);
  };
  await check('welcome');
  await page.goto(`/?${new URLSearchParams({ session: `${name} ${'long'.repeat(20)}` })}`);
  await expect(chat.rows).toHaveCount(3);
  await check('loaded');
  await chat.sessionsButton.click();
  await expect(chat.row(name)).toBeVisible();
  await check('Sessions dialog');
  await page.keyboard.press('Escape');
  await chat.newButton.click();
  await check('New dialog');
});
