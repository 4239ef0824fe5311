// A session that really expires, in a program whose sessions live for a few seconds.

import { expect, test as base } from '../support/fixture.js';
import { startProgram } from '../support/program.js';

const test = base.extend({
  program: [
    async ({}, use) => {
      const program = await startProgram({ ttl: '3s' });
      await use(program);
      await program.stop();
    },
    { scope: 'worker' },
  ],
});

test('a session that expires with text in the box keeps the text, and starting again carries it over', async ({ page, chat, name, request, expected }) => {
  expected.push(/status of 404 /);
  await page.goto('/');
  await chat.create(name, 'Technical Support');
  await chat.message.fill('I was not finished');
  await expect(chat.banner('ending')).toContainText('ends soon');
  await expect(chat.banner('gone')).toContainText('This session has ended. What you wrote is kept.', { timeout: 10_000 });
  await expect(chat.message).toHaveValue('I was not finished');
  expect((await request.get(`/api/session/${encodeURIComponent(name)}`)).status()).toBe(404);
  await chat.banner('gone').getByRole('button', { name: `Start again as ${name}` }).click();
  await expect(chat.banner('gone')).toHaveCount(0);
  await expect(chat.message).toHaveValue('I was not finished');
  await expect(page.locator('#persona')).toHaveText('Technical Support');
  await chat.message.press('Enter');
  await chat.replied();
  await expect(chat.mine('I was not finished')).toHaveCount(1);
});

test('a session that is kept again and again does not expire', async ({ page, chat, name }) => {
  await page.goto('/');
  await chat.create(name);
  for (let round = 0; round < 3; round += 1) {
    await expect(chat.banner('ending')).toContainText('0:02');
    await chat.banner('ending').getByRole('button', { name: 'Keep this session' }).click();
  }
  await expect(chat.sendButton).toBeEnabled();
  await expect(chat.banner('gone')).toHaveCount(0);
});
