// The browser suite: the installed Chromium, two workers, and limits for everything that can hang.

import { existsSync } from 'node:fs';
import { defineConfig } from '@playwright/test';

// Chromium without windows, tabs and menus, which takes two thirds of the time.
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

/** Name of the time zone in which it is noon now. No test crosses midnight, and times have two digits. */
function zoneAtNoon() {
  const hours = new Date().getUTCHours() - 12;
  return hours === 0 ? 'UTC' : `Etc/GMT${hours > 0 ? '+' : ''}${hours}`;
}

export default defineConfig({
  testDir: 'specs',
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  // Timeouts only end a test that hangs. They are long enough for a busy machine.
  timeout: 60_000,
  // The suite takes three to four minutes on two idle cores, and 16 on cores that six other processes use.
  globalTimeout: 2_400_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  use: {
    // NONO_LOCALE=de takes the screenshots of a browser in another language.
    locale: process.env.NONO_LOCALE ?? 'en-GB',
    timezoneId: zoneAtNoon(),
    actionTimeout: 10_000,
    navigationTimeout: 20_000,
    launchOptions,
  },
});
