// Accessibility: axe finds no violation in any state, in light from left to right and in dark from right to left.

import { configure, expectNoViolations, LOOKS } from '../support/axe.js';
import { holdEvents, stopClock, withSlowClock } from '../support/clock.js';
import { createFilled, createStored, expect, gate, pathOf, scripted, test } from '../support/fixture.js';

for (const look of LOOKS) {
  const name = `${look.colorScheme}, ${look.direction}`;

  test.describe(name, () => {
    configure(test, look);

    test(`the welcome page and the New dialog are accessible (${name})`, async ({
      page,
      chat,
      name,
      expectedErrors,
    }) => {
      expectedErrors.push(/status of 4\d\d /);
      await page.goto('/');
      await expect(page.getByRole('radio', { name: 'Creative Writer' })).toBeVisible();
      await expectNoViolations(page, 'welcome');
      await chat.create(name);
      await expectNoViolations(page, 'empty session');
      await chat.newButton.click();
      await expect(chat.newDialog).toBeVisible();
      await expectNoViolations(page, 'New dialog');
      await chat.newDialog.getByLabel('Display Name').fill(name);
      await page.keyboard.press('Enter');
      await expect(chat.newDialog.getByText('is in use')).toBeVisible();
      await expectNoViolations(page, 'name in use');
      await page.keyboard.press('Escape');
      await chat.failCalls('**/session/create', {
        status: 503,
        reason: 'STORE_UNAVAILABLE',
        times: 1,
        headers: { 'retry-after': '60' },
      });
      await chat.newButton.click();
      await chat.newDialog.getByLabel('Display Name').fill(`${name} 2`);
      await page.keyboard.press('Enter');
      await expect(chat.newDialog.getByRole('button', { name: 'Try now' })).toBeVisible();
      await expectNoViolations(page, 'New dialog waiting');
    });

    test(`a conversation and the Sessions dialog are accessible (${name})`, async ({ page, chat, name, request }) => {
      for (let index = 0; index < 4; index += 1) await createFilled(request, `${name} ${index}`, 1);
      await createFilled(request, name, 60, { persona: 'mental_health_nurse' });
      await page.clock.install();
      await page.goto(pathOf(name));
      await expect(chat.rows).toHaveCount(50);
      await expectNoViolations(page, 'loaded');
      await chat.sessionsButton.click();
      await expect(chat.row('Current')).toBeVisible();
      await expectNoViolations(page, 'Sessions dialog');
      const menu = await chat.openMenu('Current');
      await expect(menu.getByRole('menuitem')).toHaveCount(4);
      await expectNoViolations(page, 'menu of a session');
      await page.keyboard.press('Escape');
      await expect(menu).toHaveCount(0);
      // Three analyses may take longer than the ten seconds in which a deletion can be undone.
      await stopClock(page);
      await chat.choose(`${name} 3`, 'Delete');
      await expect(chat.row(`${name} 3`)).toContainText('was deleted');
      await withSlowClock(page, () => expectNoViolations(page, 'undo in the dialog'));
      await chat.sessionsDialog.getByRole('searchbox').fill('nobody');
      await expect(chat.sessionsDialog.getByText('No session matches “nobody”.')).toBeVisible();
      await withSlowClock(page, () => expectNoViolations(page, 'search without a match'));
      await page.keyboard.press('Escape');
      await page.keyboard.press('Escape');
      await expect(page.locator('.toast')).toBeVisible();
      await withSlowClock(page, () => expectNoViolations(page, 'undo in the toast'));
      await page.locator('.toast').getByRole('button', { name: 'Undo' }).click();
    });

    test(`the Sessions dialog is accessible when it is empty and when the list cannot be loaded (${name})`, async ({
      page,
      chat,
    }) => {
      await page.route('**/sessions?*', (route) => route.fulfill({ json: { sessions: [], count: 0 } }), { times: 1 });
      await page.goto('/');
      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByText('There are no sessions yet.')).toBeVisible();
      await expectNoViolations(page, 'empty list');
      await page.keyboard.press('Escape');
      await chat.failCalls('**/sessions?*', {
        status: 503,
        reason: 'STORE_UNAVAILABLE',
        headers: { 'retry-after': '60' },
      });
      await chat.sessionsButton.click();
      await expect(chat.sessionsDialog.getByRole('button', { name: 'Try now' })).toBeVisible();
      await expectNoViolations(page, 'list unavailable');
    });

    test(`a failed message and every banner are accessible (${name})`, async ({
      page,
      context,
      chat,
      name,
      request,
      expectedErrors,
    }) => {
      expectedErrors.push(/status of 4\d\d |ERR_INTERNET_DISCONNECTED/);
      await page.clock.install();
      await page.goto('/');
      await chat.create(name);
      await chat.failCalls('**/chat', { status: 500, reason: 'INTERNAL', times: 1 });
      await chat.send('this will fail');
      await expect(chat.userMessage('this will fail')).toContainText('Not sent');
      await expectNoViolations(page, 'failed message');
      await chat.failCalls('**/chat', {
        status: 503,
        reason: 'STORE_UNAVAILABLE',
        times: 1,
        headers: { 'retry-after': '60' },
      });
      await chat.send('this will wait');
      await expect(chat.banner('waiting')).toBeVisible();
      await expectNoViolations(page, 'waiting');
      await chat.banner('waiting').getByRole('button').click();
      // The failed message remains below the reply.
      await expect(chat.reply('')).toHaveAttribute('data-state', 'stored', { timeout: 15_000 });
      await holdEvents(page);
      await page.clock.fastForward('58:30');
      await expect(chat.banner('ending')).toBeVisible();
      await expectNoViolations(page, 'ending');
      await context.setOffline(true);
      await expect(chat.banner('offline')).toBeVisible();
      await expectNoViolations(page, 'offline');
      await context.setOffline(false);
      await chat.failCalls('**/touch', { status: 500, reason: 'INTERNAL', times: 1 });
      await chat.banner('ending').getByRole('button').click();
      await expect(chat.banner('notice')).toBeVisible();
      await expectNoViolations(page, 'notice');
      await request.delete(`/api/session/${encodeURIComponent(name)}`);
      await chat.send('too late');
      await expect(chat.banner('gone')).toBeVisible();
      await expectNoViolations(page, 'gone');
      await chat.failCalls('**/api/session/**', { status: 500, reason: 'INTERNAL', method: 'GET' });
      await page.reload();
      await expect(chat.banner('failed')).toBeVisible();
      await expectNoViolations(page, 'could not be loaded');
    });
  });

  scripted.describe(`replies, ${name}`, () => {
    configure(scripted, look);

    scripted(
      `a reply is accessible while it streams, stopped and failed, and so is a queued message (${name})`,
      async ({ page, chat, name, program }) => {
        const endless = gate().opened;
        program.plan(
          name,
          { text: 'Half of a reply', after: 2, gate: endless },
          { text: 'Too late', after: 0, gate: endless },
          { after: 0, fails: true },
          { text: 'Half of a reply', after: 2, fails: true },
        );
        await page.goto('/');
        await chat.create(name);
        await chat.send('first');
        await expect(chat.reply('Half of')).toBeVisible();
        await expectNoViolations(page, 'streaming');
        await chat.message.fill('queued');
        await expectNoViolations(page, 'streaming with a draft');
        await chat.message.press('Enter');
        await expect(chat.userMessage('queued')).toHaveAttribute('data-state', 'queued');
        await expectNoViolations(page, 'queued');
        await chat.userMessage('queued').getByRole('button', { name: 'Remove' }).click();
        await page.reload();
        await expect(chat.reply('Half of')).toHaveAttribute('data-state', 'streaming');
        await expectNoViolations(page, 'streaming after a reload');
        await chat.stopButton.click();
        await expect(chat.reply('Half of')).toHaveAttribute('data-state', 'stopped');
        await expectNoViolations(page, 'stopped');
        await chat.send('too early');
        await chat.stopButton.click();
        await expect(chat.userMessage('too early')).toHaveAttribute('data-state', 'cancelled');
        await expectNoViolations(page, 'stopped before it began');
        await chat.send('second');
        await expect(chat.userMessage('second')).toHaveAttribute('data-state', 'unanswered');
        await expectNoViolations(page, 'no reply');
        await chat.userMessage('second').getByRole('button', { name: 'Try again' }).click();
        await expect(chat.rows.last()).toHaveAttribute('data-state', 'cut');
        await expectNoViolations(page, 'incomplete');
      },
    );

    scripted(`Markdown and code are accessible (${name})`, async ({ page, name, request }) => {
      const code = ['js', 'python', 'rust', 'html', 'css', 'json', 'diff', 'yaml'].map(
        (language) =>
          `\`\`\`${language}\n<b class="a">fn let 'text' 42 true</b> /* why */ # x\n@media { a: b } - old\n+ new\n"key": null\n\`\`\``,
      );
      const text = `# A\n\n## B\n\ntext with \`code\`, [a link](https://example.org), **bold**\n\n- [x] done\n- open\n\n1. one\n\n> quote\n\n|a|b|\n|-|-|\n|1|2|\n\n---\n\n${code.join('\n\n')}`;
      await createStored(request, name, [
        ['user', 'Everything, please'],
        ['assistant', text],
      ]);
      await page.goto(pathOf(name));
      await expect(page.locator('.code code:has(span)')).toHaveCount(8);
      await expectNoViolations(page, 'Markdown');
    });
  });
}
