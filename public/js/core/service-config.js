// Loads the service's configuration and personas.
// @ts-check

import { validPersonas } from './personas.js';

/** The page works without both, so that it does not show that it waits for them. */
const onWaitChange = () => {};

/** @param {Pick<Deps, 'api' | 'store' | 'clock' | 'retrier'>} deps */
export function createServiceConfig({ api, store, clock, retrier }) {
  let hasPersonas = false;
  /** @type {Promise<void> | null} */
  let loadingConfig = null;
  /** @type {Promise<void> | null} */
  let loadingPersonas = null;

  async function loadConfig() {
    const config = await retrier.run(api.getConfig, { onWaitChange });
    const serverMs = Date.parse(config.serverTime ?? '');
    if (!Number.isNaN(serverMs)) clock.observe(serverMs);
    store.set({ config });
  }

  async function loadPersonas() {
    store.set({ personas: validPersonas(await retrier.run(api.listPersonas, { onWaitChange })) });
    hasPersonas = true;
  }

  return {
    /** Loads the configuration, unless an earlier attempt succeeded. */
    async ensureConfig() {
      if (store.state.config) return;
      loadingConfig ??= loadConfig().finally(() => (loadingConfig = null));
      await loadingConfig.catch(() => {});
    },

    /** Loads the personas, unless an earlier attempt succeeded. */
    async loadPersonas() {
      if (hasPersonas) return;
      loadingPersonas ??= loadPersonas().finally(() => (loadingPersonas = null));
      await loadingPersonas.catch(() => {});
    },
  };
}
