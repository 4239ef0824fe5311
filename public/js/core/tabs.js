// Word between the tabs of one browser. A note says which session changed, never what: the receiver asks the server.

const CHANNEL = 'nono:v1';

/**
 * @param {typeof BroadcastChannel | undefined} Channel absent in old browsers: then each tab is alone
 * @param {(sessionId: string) => void} onChanged called for notes from other tabs
 */
export function createTabs(Channel, onChanged) {
  const channel = Channel ? new Channel(CHANNEL) : null;
  channel?.addEventListener('message', ({ data }) => {
    if (typeof data?.session_id === 'string') onChanged(data.session_id);
  });

  return {
    tell: (sessionId) => channel?.postMessage({ session_id: sessionId }),
    close: () => channel?.close(),
  };
}
