// Loads the service's configuration and personas.
// @ts-check

import { validPersonas } from './personas.js';

/** @param {Pick<Deps, 'api' | 'store' | 'clock'>} deps */
export function createServiceConfig({ api, store, clock }) {
  let hasPersonas = false;

  async function loadConfig() {
    const config = await api.getConfig().catch(() => null);
    if (!config) return;
    const serverMs = Date.parse(config.serverTime ?? '');
    if (!Number.isNaN(serverMs)) clock.observe(serverMs);
    store.set({ config });
  }

  return {
    /** Loads the configuration, unless an earlier attempt succeeded. */
    async ensureConfig() {
      if (!store.state.config) await loadConfig();
    },

    /** Loads the personas, unless an earlier attempt succeeded. */
    async loadPersonas() {
      if (hasPersonas) return;
      const personas = await api.listPersonas().catch(() => null);
      hasPersonas = personas !== null;
      store.set({ personas: validPersonas(personas) });
    },
  };
}
