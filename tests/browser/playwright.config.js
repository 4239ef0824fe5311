// The browser suite: Debian's Chromium (nothing is downloaded), two workers, everything bounded in time.

import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

// The same browser without windows, tabs and menus, which nobody sees here: it takes two thirds of the time.
const SHELL = '/usr/bin/chromium-headless-shell';

export const launchOptions = {
  executablePath: process.env.CHROMIUM ?? (existsSync(SHELL) ? SHELL : '/usr/bin/chromium'),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  // The limits end a test that hangs. They are no expectations: none may decide a test on a busy machine.
  timeout: 60_000,
  // Three to four minutes on two idle cores, about six where both are busy with other work.
  globalTimeout: 1_200_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    locale: 'en-GB',
    timezoneId: 'UTC',
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    launchOptions,
  },
});
