// One session in two browsers, a desktop and a phone, each through its own gateway and service over one Redis.

import { startDeployment } from '../support/deployment.js';
import { test as base, Chat, expect, pathOf } from '../support/fixture.js';

/** Time in which a stop reaches the model and the other browser: half a second, and more on a busy machine. */
const STOP_MS = 2000;

const test = base.extend({
  deployment: async ({}, use) => {
    const deployment = await startDeployment();
    await use(deployment);
    await deployment.stop();
  },
});

const screenshot = (chat, name) => chat.page.screenshot({ path: `screenshots/${name}.png` });
const grown = (chat, words) => expect(chat.reply(`Wort${words}🌱`)).toBeVisible({ timeout: 20_000 });

test('a message and a growing reply are in both browsers, a refresh continues, and Stop in one stops both', async ({
  browser,
  deployment,
  expectedErrors,
  name,
}) => {
  const [desktop, phone] = await Promise.all(
    [
      { baseURL: deployment.urls[0], viewport: { width: 1280, height: 800 } },
      { baseURL: deployment.urls[1], viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true },
    ].map(async (options) => new Chat(await (await browser.newContext(options)).newPage(), expectedErrors)),
  );
  await desktop.page.goto('/');
  await desktop.create(name);
  await phone.page.goto(pathOf(name));
  await expect(phone.user).toHaveText(name);
  await desktop.send('Wie wächst es?');
  await expect(phone.userMessage('Wie wächst es?')).toBeVisible();
  await Promise.all([grown(desktop, 5), grown(phone, 5)]);
  await Promise.all([screenshot(desktop, 'live-growing-desktop'), screenshot(phone, 'live-growing-phone')]);
  expect(deployment.model.open()).toBe(1);

  await phone.page.reload();
  await expect(phone.reply('Wort1🌱')).toHaveAttribute('data-state', 'streaming');
  await Promise.all([grown(desktop, 20), grown(phone, 20)]);
  const text = await phone.rows.last().locator('.body').textContent();
  expect(text.match(/Wort\d+🌱/gu).map((word, at) => word === `Wort${at + 1}🌱`)).not.toContain(false);
  await desktop.page.reload();
  await grown(desktop, 25);

  const began = Date.now();
  await phone.stopButton.click();
  await expect.poll(() => deployment.model.open(), { intervals: [20], timeout: STOP_MS }).toBe(0);
  const took = Date.now() - began;
  for (const chat of [desktop, phone]) {
    await expect(chat.rows.last()).toHaveAttribute('data-state', 'stopped');
    await expect(chat.rows).toHaveCount(2);
  }
  test.info().annotations.push({ type: 'stopped', description: `${took} ms until the model was closed` });
  await expect(desktop.rows.locator('.body')).toHaveText(await phone.rows.locator('.body').allTextContents());
  await Promise.all([screenshot(desktop, 'live-stopped-desktop'), screenshot(phone, 'live-stopped-phone')]);
});
