// Follows the browser: the connection, the focus, the address, and the end of the page.
// @ts-check

/**
 * @param {Pick<Window, 'addEventListener' | 'navigator'>} scope
 * @param {{store: Store, retrier: Retrier, drafts: Drafts, router: Router, conversation: Conversation, deletions: Deletions,
 *   open: (userId: string, options: {replace: boolean}) => Promise<void>, close: () => void,
 *   checkAccess: () => Promise<void>}} deps
 */
export function listenToPage(
  scope,
  { store, retrier, drafts, router, conversation, deletions, open, close, checkAccess },
) {
  store.set({ online: scope.navigator.onLine });
  scope.addEventListener('online', () => {
    store.set({ online: true });
    retrier.retryNow();
  });
  scope.addEventListener('offline', () => store.set({ online: false }));
  scope.addEventListener('focus', () => {
    void conversation.catchUp();
    void checkAccess();
  });
  scope.addEventListener('popstate', () => {
    const userId = router.currentUserId();
    // A jump within the page, such as the skip link, is an entry of the browser's history too.
    if (userId === (store.state.session?.userId ?? null)) return;
    if (userId === null) close();
    else void open(userId, { replace: true });
  });
  scope.addEventListener('pagehide', () => {
    drafts.flush();
    drafts.restore();
    // A call without access deletes nothing, so the drafts must remain too.
    if (!store.state.signedOut) deletions.flush();
  });
}
