// A Chromium of its own with a profile on disk, killed without warning (SIGKILL to all its processes) and started again on the profile.

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from '@playwright/test';
import { launchOptions } from '../playwright.config.js';

const START_MS = 15_000;

export function createMortalBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'nono-profile-'));
  let child = null;

  async function kill() {
    if (!child) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    // Its own group: the wrapper script, the browser and its renderers.
    process.kill(-child.pid, 'SIGKILL');
    await ended;
    child = null;
  }

  return {
    kill,

    /** The first page of a fresh process on the same profile. `prepare` sees the context before any page is loaded. */
    async start(prepare) {
      const flags = [...launchOptions.args, '--headless', '--remote-debugging-port=0', `--user-data-dir=${profile}`, 'about:blank'];
      child = spawn(launchOptions.executablePath, flags, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
      const browser = await chromium.connectOverCDP(await endpointOf(child));
      const [context] = browser.contexts();
      await prepare(context);
      return context.pages()[0] ?? context.newPage();
    },

    async end() {
      await kill();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

function endpointOf(child) {
  return new Promise((resolve, reject) => {
    let output = '';
    const timer = setTimeout(() => reject(new Error(`Chromium named no address within ${START_MS} ms; it said:\n${output}`)), START_MS);
    child.stderr.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
      const address = /DevTools listening on (ws:\S+)/.exec(output)?.[1];
      if (!address) return;
      clearTimeout(timer);
      resolve(address);
    });
  });
}
