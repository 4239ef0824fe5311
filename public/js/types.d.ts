// Types that the page's modules share, for `npm run types`. Browsers do not load this file.

type ApiError = import('./core/api-error.js').ApiError;
type ErrorKind =
  | 'unreachable'
  | 'unauthenticated'
  | 'busy'
  | 'invalid'
  | 'gone'
  | 'exists'
  | 'full'
  | 'forbidden'
  | 'failed';
type Violation = { field: string; description: string };

// ---- State

/** A session as the service describes it. While it loads, all but `userId` are empty. */
interface Session {
  userId: string;
  sessionId: string;
  persona: string;
  messageCount: number;
  createdAt: string;
  lastActivity: string;
  expiresAt: string;
  /** The first words of the newest message, or an empty text. */
  preview: string;
}

type Role = 'user' | 'assistant' | 'system';

type Theme = 'system' | 'light' | 'dark';

/** A stored message. */
interface Message {
  seq: number;
  role: Role;
  content: string;
  timestamp: string;
  /** The row that has shown it since before it was stored. */
  key?: string;
  /** The reason why a reply ended. */
  finish?: string;
}

/** A message that is sent, or a reply that is requested again. */
interface Delivery {
  requestId: string;
  userId: string;
  sessionId: string;
  content: string;
}

/** A message that the server has not accepted yet. */
interface OutboxEntry extends Delivery {
  createdAt: string;
  state: EntryState;
  problem?: ApiError | null;
}

/** A message whose session is not created yet. Its request id is that of the message, `creationId` that of the creation. */
interface FirstMessage {
  requestId: string;
  creationId: string;
  /** The automatic name. */
  userId: string;
  persona: string;
  content: string;
  createdAt: string;
}

type TurnId = Pick<Delivery, 'requestId' | 'userId'>;

/** The fields of a turn that are stored in the browser. */
interface StoredTurn extends Delivery {
  /** The `seq` of the message. */
  seq: number;
  acceptedAt: number;
}

/** A stored message whose reply is not stored yet. */
interface Turn extends StoredTurn {
  /** The reply as far as it is known. */
  text: string;
  startedAt: string;
  state: TurnState;
  problem: ApiError | null;
  /** True until the first text of the current attempt replaces the text of the previous one. */
  fresh?: boolean;
  /** True after the user has stopped the reply, until the service has. */
  isStopping?: boolean;
  /** True if another client has requested the turn without a request id, so that it cannot be requested again. */
  isAnonymous?: boolean;
}

/*
 * The states of an outbox entry, of a turn, and of the rows that show them:
 *
 * | entry   | turn      | row                           | meaning                                                     |
 * |---------|-----------|-------------------------------|-------------------------------------------------------------|
 * | sending |           | sending                       | is sent                                                     |
 * | sending |           | held                          | waits for a retry, for the connection or for a login        |
 * | sending |           | queued                        | waits for a running turn, or for the message before it      |
 * | failed  |           | failed                        | was rejected                                                |
 * |         | streaming | streaming, or stopping        | the turn is running; its text arrives in this tab           |
 * |         | waiting   | waiting                       | the reply is requested; this tab does not know its state    |
 * |         | cut       | cut                           | the connection was lost, or the turn ended without a reply  |
 * |         | failed    | cut; if empty, unanswered or  | the service reported an error, or that the user stopped the |
 * |         |           | cancelled                     | turn                                                        |
 * |         |           | sent                          | a stored message of the user, the newest of all             |
 * |         |           | unanswered                    | a stored message of the user, which another one follows     |
 * |         |           | stored                        | any other stored message                                    |
 * |         |           | shortened, filtered, stopped  | a stored reply that ended at a limit, by a content filter,  |
 * |         |           |                               | or by the user                                              |
 */
type EntryState = 'sending' | 'failed';
type TurnState = 'streaming' | 'waiting' | 'cut' | 'failed';
type RowState =
  | EntryState
  | TurnState
  | 'queued'
  | 'held'
  | 'stopping'
  | 'unanswered'
  | 'cancelled'
  | 'sent'
  | 'stored'
  | 'shortened'
  | 'filtered'
  | 'stopped';

/** A pending retry. */
interface Wait {
  kind: ErrorKind | 'offline';
  reason: string;
  /** A time of this machine's clock, or `Infinity` while the time of the next attempt is unknown. */
  until: number;
}

interface Persona {
  key: string;
  name: string;
  description?: string;
}

interface Limits {
  userIdMaxBytes: number;
  messageContentMaxBytes: number;
}

/** The service's configuration. Fields that it does not report are absent. */
interface Config {
  title?: string;
  poweredBy?: string;
  /** `none`, `cookie` or another kind of authentication. */
  auth?: string;
  sessionTtlSeconds?: number;
  serverTime?: string;
  limits?: Partial<Limits>;
}

/** A deletion that can be undone. */
interface Deletion {
  userId: string;
  sessionId: string;
  wasOpen: boolean;
  until: number;
}

/** The list of sessions, in the dialog (`shown`) and next to the conversation (`docked`). Of the items that match `query`, the first `limit` are shown. */
interface ListState {
  status: 'idle' | 'loading' | 'ready' | 'failed';
  items: Session[];
  count: number;
  nextToken: string | null;
  problem: ApiError | null;
  wait: Wait | null;
  shown: boolean;
  docked: boolean;
  query: string;
  limit: number;
}

/** The state after a call was rejected with 401. Without a login page, loading this page again ends it. */
interface SignedOut {
  loginUrl: string | null;
}

interface State {
  config: Config | null;
  personas: Persona[];
  /** True once the stored records have been read. */
  ready: boolean;
  /** `starting`: the session is being created. `gone`: it has expired or was deleted. `failed`: it could not be loaded. */
  view: 'welcome' | 'starting' | 'loading' | 'open' | 'gone' | 'failed';
  /** The key of the persona that is chosen on the first screen. If it is not listed, the first persona is. */
  chosenPersona: string;
  /** True if nothing in this browser tells that the session in the address has existed. */
  isUnknownAddress: boolean;
  /** The open session. */
  session: Session | null;
  /** Oldest first, without gaps in `seq`. */
  messages: Message[];
  hasOlder: boolean;
  loadingOlder: boolean;
  /** The outbox entries of the open session. */
  unsent: OutboxEntry[];
  /** The pending turn of the open session. */
  turn: Turn | null;
  /** The event stream of the open session: `off` while there is none, also between two attempts to connect. */
  live: 'off' | 'connecting' | 'on';
  /** The reason why the open session cannot be used. */
  problem: ApiError | null;
  /** The next retry. */
  wait: Wait | null;
  signedOut: SignedOut | null;
  /** True while the notice that the sessions belong to this browser is shown. */
  ownerNotice: boolean;
  online: boolean;
  /** The time until the session expires, in its last two minutes only. */
  remainingMs: number | null;
  list: ListState;
  deletions: Deletion[];
  notice: string | null;
}

interface Store<S = State> {
  readonly state: Readonly<S>;
  set(patch: Partial<S>): void;
  watch(keys: (keyof S)[], listener: (state: Readonly<S>) => void): () => void;
}

// ---- Browser

interface Timers {
  now(): number;
  set(task: () => void, ms: number): unknown;
  clear(timer: unknown): void;
  nextFrame(task: () => void): unknown;
  whenIdle(task: () => void): unknown;
}

interface ServerClock {
  now(): number;
  observe(serverMs: number): void;
}

interface Mirror {
  read(): Promise<{ revision: number; entries: Map<string, string> } | null>;
  /** A null text removes the record. */
  write(revision: number, key: string, text: string | null): Promise<unknown>;
  /** Waits until records that other tabs have just written are visible. */
  settle(): Promise<unknown>;
  replace(revision: number, entries: [string, string][]): Promise<unknown>;
}

interface Records {
  read(key: string): any;
  write(key: string, value: unknown): void;
  remove(key: string): void;
  keys(prefix: string): string[];
  recover(): Promise<void>;
}

interface Visit {
  userId: string;
  persona: string;
}

interface Router {
  currentUserId(): string | null;
  hrefOf(userId: string): string;
  navigate(userId: string | null, options?: { replace?: boolean }): void;
  leave(loginUrl: string | null): void;
  lastVisit(): Visit | null;
  saveLastVisit(visit: Visit): void;
  clearLastVisit(userId: string): void;
}

interface Tabs {
  onChanged(listener: (sessionId: string) => void): void;
  notify(sessionId: string): void;
  lock(name: string, options?: { ifFree?: boolean; signal?: AbortSignal }): Promise<(() => void) | null>;
}

// ---- REST API

interface ServerSentEvent {
  type: string;
  data: string;
  /** The id of this event, or of the last one before it that had one. */
  id: string;
}

type ChatEvent =
  | { type: 'accepted'; message: Message; replayed: boolean }
  | { type: 'delta'; text: string }
  | { type: 'done'; message: Message; finishReason?: string };

/** `seq` is that of the reply. The request id is empty if the caller has sent none. */
interface TurnRef {
  seq: number;
  requestId: string;
}

/** The running turn of a session, with its text from `offset` (bytes of UTF-8) on. */
type RunningTurn = TurnRef & { offset: number; text: string };

type LiveSnapshot = {
  type: 'snapshot';
  session: Session;
  serverMs: number;
  turn: RunningTurn | null;
  /** True if the stream could not go on from its cursor. */
  hasGap: boolean;
};
type LiveTurn = TurnRef & {
  type: 'turn';
  state: 'running' | 'done' | 'failed' | 'cancelled' | 'lost';
  problem: ApiError | null;
};
type LiveDelta = { type: 'delta'; seq: number; offset: number; text: string };

/** An event of a session. The snapshot is always the first, and `ended` the last. */
type LiveEvent =
  | LiveSnapshot
  | LiveTurn
  | LiveDelta
  | { type: 'message'; message: Message }
  | { type: 'session'; session: Session }
  | { type: 'expiring'; expiresAt: string }
  | { type: 'ended'; reason: string }
  | { type: 'checkpoint'; serverMs: number };

interface RequestOptions {
  body?: object;
  signal?: AbortSignal;
  keepalive?: boolean;
  accept?: string;
}

interface NewSession {
  userId: string;
  persona?: string;
  ifExists?: 'fail' | 'return';
  requestId: string;
}

type CreatedSession = Session & { created: boolean };

type AccessListener = (problem: ApiError | null) => void;

interface Api {
  onAccess(listener: AccessListener): void;
  getConfig(): Promise<Config>;
  listPersonas(): Promise<Persona[]>;
  createSession(session: NewSession, signal?: AbortSignal): Promise<CreatedSession>;
  listSessions(page: { pageSize: number; pageToken?: string | null }, signal?: AbortSignal): Promise<SessionPage>;
  getSession(userId: string, signal?: AbortSignal): Promise<Session>;
  getHistory(
    userId: string,
    range: { limit: number; before?: number; after?: number },
    signal?: AbortSignal,
  ): Promise<HistoryPage>;
  touchSession(userId: string): Promise<Session>;
  deleteSession(userId: string, options?: { keepalive?: boolean }): Promise<unknown>;
  exportUrl(userId: string, format: string): string;
  exportSession(userId: string, signal?: AbortSignal): Promise<Blob>;
  chat(message: Pick<Delivery, 'userId' | 'content' | 'requestId'>, signal?: AbortSignal): AsyncGenerator<ChatEvent>;
  cancelChat(userId: string, requestId: string | null): Promise<{ cancelled: boolean; message: Message | null }>;
  watchSession(
    userId: string,
    cursor: string | null,
    signal?: AbortSignal,
  ): AsyncGenerator<LiveEvent & { cursor: string }>;
}

interface EarlyRequests {
  /** Requests a session and its newest messages. */
  requestSession(userId: string): void;
  /** `fetch`, but the response to an early request is returned once, to the first call for it. */
  fetch(url: string, options: RequestInit): Promise<Response>;
  /** Forgets the responses that no call has taken, before they are out of date. */
  clear(): void;
}

interface SessionPage {
  sessions: Session[];
  count: number;
  nextToken: string | null;
}

interface HistoryPage {
  messages: Message[];
  hasMore: boolean;
}

// ---- Parts of the core

/** What the parts of the core are created with. */
interface Deps {
  api: Api;
  clock: ServerClock;
  storage: Records;
  router: Router;
  tabs: Tabs;
  timers: Timers;
  newId: () => string;
  random?: () => number;
  store: Store;
  retrier: Retrier;
  drafts: Drafts;
  conversation: Conversation;
  turns: TurnController;
  deletions: Deletions;
}

type WaitListener = (wait: Wait | null) => void;

/** The time between two attempts of a call. It can be ended, or made to end at a time. */
type Pause = {
  wait: Wait;
  startedMs: number;
  isStalled: boolean;
  onOwnWait?: WaitListener;
  end: () => void;
  endAt: (untilMs: number) => void;
};

interface RetrierDeps {
  timers: Timers;
  random?: () => number;
  isOnline?: () => boolean;
  onWaitChange: WaitListener;
}

interface Retrier {
  /** With an `onWaitChange` of its own, the wait is reported to the caller only. */
  run<Result>(
    call: () => Promise<Result>,
    options?: { signal?: AbortSignal; onWaitChange?: WaitListener; untilSignedIn?: boolean; isBounded?: boolean },
  ): Promise<Result>;
  retryNow(): void;
  onReturn(): void;
  onSuccess(): void;
  onOffline(): void;
}

interface Drafts {
  flush(): void;
  read(userId: string): string;
  remove(userId: string): void;
  update(userId: string, text: string): void;
  clearIfSent(userId: string, text: string): void;
  move(from: string, to: string): void;
  restore(): void;
  keep(): void;
  detach(): void;
  prune(): void;
}

interface Conversation {
  open(userId: string): Promise<void>;
  end(userId: string, problem: ApiError): void;
  catchUp(): Promise<void>;
  update(current: Session): Promise<void>;
  reopen(): Promise<void>;
  onOpened(listener: (session: Session) => void): void;
  showCreated(session: Session): void;
  showStarting(session: Session, entry: OutboxEntry): void;
  close(): void;
  add(session: Pick<Session, 'userId' | 'sessionId'>, message: Message): void;
  loadOlder(pageSize?: number): Promise<void>;
  loadAll(): Promise<void>;
}

/**
 * `cut`: the stream broke, or was rejected, after the message had been accepted. `failed`: the message was not accepted.
 */
type DeliveryEvent = ChatEvent | { type: 'cut' | 'failed'; problem: ApiError };

type OutboxDeps = Pick<Deps, 'api' | 'storage' | 'retrier' | 'timers' | 'newId' | 'tabs'> & {
  /** Resolves when a message can be sent. */
  untilIdle: (delivery: Delivery) => Promise<unknown>;
  onChange: () => void;
  onEvent: (delivery: Delivery, event: DeliveryEvent) => void;
};

interface Outbox {
  list(userId: string): OutboxEntry[];
  add(session: Session, content: string, requestId?: string): Promise<void>;
  retry(requestId: string, session: Session): Promise<void>;
  requestReply(turn: Turn, isWanted: () => boolean): Promise<void>;
  sync(userId: string): void;
  isEnqueued(requestId: string): boolean;
  isDelivering(requestId: string): boolean;
  endStream(requestId: string): void;
  discard(requestId: string): string;
  restore(session: Session): void;
  end(userId: string, problem: ApiError): void;
  retarget(session: Session): Promise<unknown>;
  removeAll(userId: string): void;
}

type PendingRepliesDeps = Pick<Deps, 'storage' | 'timers' | 'clock'> & { onChange: (userId: string) => void };

interface PendingReplies {
  find(session: Pick<Session, 'userId' | 'sessionId'> | null): Turn | null;
  start(delivery: Delivery, message: Message): void;
  append(id: TurnId, text: string): void;
  follow(turn: Delivery & { seq: number; isAnonymous: boolean }, text: string): void;
  hold(id: TurnId, problem: ApiError): void;
  giveUp(id: TurnId, problem?: ApiError | null): void;
  interrupt(id: TurnId, problem: ApiError): void;
  setStopping(id: TurnId, isStopping: boolean): void;
  wait(turn: Turn): void;
  complete(id: TurnId): void;
  removeAll(userId: string): void;
  restore(session: Session, newest: Message | undefined): void;
}

/** A text and its length in bytes of UTF-8. */
interface GrowingText {
  text: string;
  bytes: number;
}

type WatchedTurnDeps = Pick<Deps, 'store'> & {
  replies: PendingReplies;
  /** Returns true while this tab reads the chat stream of a turn. */
  isReading: (requestId: string) => boolean;
  onEnd: () => void;
};

interface WatchedTurn {
  start(): void;
  onSnapshot(snapshot: LiveSnapshot): boolean;
  onTurn(turn: LiveTurn): void;
  onDelta(delta: LiveDelta): boolean;
  resume(): void;
  end(requestId: string): void;
}

type LiveDeps = Pick<Deps, 'api' | 'store' | 'timers' | 'random'> & {
  onEvent: (event: LiveEvent, isResumed: boolean) => boolean;
  onFailure: (problem: ApiError, attempts: number) => void;
};

interface Live {
  start(): void;
  setVisible(isVisible: boolean): void;
  retryNow(): void;
  refresh(): void;
}

type TurnControllerDeps = Pick<
  Deps,
  'api' | 'store' | 'storage' | 'retrier' | 'timers' | 'clock' | 'conversation' | 'tabs' | 'newId'
> & {
  /** Called when the state of the running turn is not known any more. */
  onStreamLost: () => void;
};

interface TurnController extends Pick<WatchedTurn, 'onSnapshot' | 'onTurn' | 'onDelta'> {
  start(): void;
  sync(): void;
  restore(session: Session): void;
  keyOf(message: Message): string | undefined;
  onDisconnected(attempts: number): void;
  send: Outbox['add'];
  discard: Outbox['discard'];
  retarget: Outbox['retarget'];
  retry(requestId: string): Promise<void>;
  stop(): Promise<void>;
  removeAll(userId: string): void;
}

type FirstMessageDeps = Pick<
  Deps,
  | 'api'
  | 'store'
  | 'storage'
  | 'retrier'
  | 'timers'
  | 'clock'
  | 'newId'
  | 'drafts'
  | 'router'
  | 'tabs'
  | 'conversation'
  | 'turns'
>;

interface FirstMessages {
  restore(): void;
  resume(isShown: boolean): Promise<boolean>;
  showNext(): void;
  choosePersona(key: string): void;
  send(content: string): Promise<void>;
  has(requestId: string): boolean;
  retry(requestId: string): Promise<void>;
  discard(requestId: string): string;
}

type DeletionsDeps = Pick<Deps, 'api' | 'store' | 'retrier' | 'timers'> & {
  onDeleted: (userId: string, sessionId: string) => void;
  onFailed: (userId: string, problem: ApiError) => void;
};

interface Deletions {
  commit(userId: string): Promise<void>;
  start(session: Session, options: { wasOpen: boolean }): void;
  undo(userId: string): Deletion | null;
  flush(): void;
}

type ExpiryDeps = Pick<Deps, 'clock' | 'timers'> & { onRemaining: (ms: number | null) => void; onExpired: () => void };

interface SessionList {
  refresh(): Promise<void>;
  refreshShown(): void;
  showMore(): void;
  search(query: string): void;
  report(call: () => Promise<unknown>): Promise<boolean>;
  remove(userId: string): void;
  show(viewer: 'shown' | 'docked', isShown: boolean): void;
}

type SessionActionsDeps = Pick<
  Deps,
  'api' | 'store' | 'retrier' | 'drafts' | 'router' | 'tabs' | 'conversation' | 'turns' | 'deletions' | 'newId'
>;

interface SessionActions {
  open(userId: string, options?: { replace?: boolean }): Promise<void>;
  close(): void;
  create(options: NewSession & { signal?: AbortSignal; onWaitChange?: WaitListener }): Promise<CreatedSession>;
  reload(): Promise<void>;
  recreate(): Promise<void>;
  extend(): Promise<void>;
  checkExport(userId: string): Promise<boolean>;
  remove(session: Session): void;
  undoRemoval(userId: string): Promise<void>;
}

type PageEventsDeps = Pick<Deps, 'store' | 'retrier' | 'drafts' | 'router' | 'conversation' | 'deletions'> &
  Pick<SessionActions, 'open' | 'close'> & { live: Live; list: SessionList; checkAccess: () => Promise<void> };

type SessionDataDeps = Pick<Deps, 'api' | 'retrier' | 'timers' | 'clock'> & { onDeleted: (session: Session) => void };

type SessionData = ReturnType<typeof import('./core/session-data.js').createSessionData>;

/** A file with the exports of several sessions. */
interface DataFile {
  name: string;
  sessions: number;
  content: Blob;
}

/**
 * The task for all sessions. `incomplete`: some could not be exported. `undeleted`: some could not be deleted. `kept`: the
 * deletion was undone. `failed`: the sessions could not be listed.
 */
interface DataState {
  phase:
    | 'idle'
    | 'listing'
    | 'failed'
    | 'exporting'
    | 'exported'
    | 'incomplete'
    | 'confirming'
    | 'pending'
    | 'kept'
    | 'deleting'
    | 'deleted'
    | 'undeleted';
  done: number;
  total: number;
  failed: number;
  /** The end of the time for undo, by this machine's clock. */
  until: number;
  problem: ApiError | null;
  wait: Wait | null;
  file: DataFile | null;
}

type SignInDeps = Pick<Deps, 'api' | 'store' | 'router' | 'drafts'> & { onSignedIn: () => void };

type ChatDeps = Pick<Deps, 'api' | 'clock' | 'tabs' | 'storage' | 'router' | 'timers' | 'newId' | 'random'>;

type Chat = ReturnType<typeof import('./core/chat.js').createChat>;

// ---- View models

type BannerAction =
  | 'retryNow'
  | 'signIn'
  | 'recreateSession'
  | 'reload'
  | 'extendSession'
  | 'newSession'
  | 'dismissOwnerNotice'
  | 'dismissNotice';

/** A banner. `until` (this machine's clock) and `leftMs` are shown as a countdown. */
interface Banner {
  id: string;
  tone: 'danger' | 'warn' | 'info';
  text: string;
  until?: number;
  leftMs?: number;
  /** True if the text need not interrupt a screen reader. */
  isStatus?: boolean;
  action?: BannerAction;
  label?: string;
}

type DataActionId =
  | 'cancel'
  | 'save'
  | 'retryNow'
  | 'retryExport'
  | 'confirmDeletion'
  | 'undoDeletion'
  | 'retryDeletion';

interface DataAction {
  id: DataActionId;
  label: string;
  isDanger?: boolean;
}

/** The panel of a task. With `isCountdown`, the text continues with the remaining time. */
interface TaskView {
  tone?: 'warn' | 'danger';
  text: string;
  hint?: string;
  isCountdown?: boolean;
  progress?: { done: number; total: number };
  actions: DataAction[];
}

/** A row of the conversation. Rows whose fields are all equal look the same. */
interface Row {
  key: string;
  kind: 'day' | 'message';
  content: string;
  role?: Role;
  author?: string;
  time?: string;
  timestamp?: string;
  state?: RowState;
  requestId?: string;
  /** A sentence. */
  error?: string;
  note?: string;
  /** True if a message with an error or a note can be sent again, or its reply requested again. */
  retriable?: boolean;
}

type MessageRow = Omit<Row, 'kind' | 'author' | 'time'> & { role: Role; timestamp: string };

interface FilteredSessions {
  groups: { label: string; sessions: Session[] }[];
  matching: number;
  shown: number;
}

// ---- Markdown

/** A token of marked. */
type Token = any;
type Attributes = Record<string, string>;

interface TreeNode {
  tag: string;
  attributes?: Attributes;
  children: Tree[];
  language?: string;
}

type Tree = TreeNode | string;

// ---- User interface

/** A block of Markdown as it is shown. */
interface Block {
  token: Token;
  complete: boolean;
  nodes: Node[];
}

/** An element of Markdown that is not made of its attributes and children only. */
interface SpecialElement {
  create(): HTMLElement;
  update(node: HTMLElement, tree: TreeNode, complete: boolean): void;
}

/** The elements of a message's row that change, and the row that they show. */
interface RowParts {
  author: HTMLElement;
  time: HTMLTimeElement;
  status: HTMLElement;
  body: HTMLElement;
  outcome: HTMLElement | null;
  shown: Row | null;
}

/** Session id to row. The signature changes if the row must be created again. */
type RenderedRows = Map<string, { row: SessionRow; signature: string }>;

type AttributeValue = string | number | boolean | null | undefined;
type Listeners = Record<string, (event: Event) => void>;

interface DialogsDeps {
  chat: Chat;
  newId: () => string;
  /** Called when a session is open, so that a message can be written. */
  onDone: () => void;
}

interface Dialogs {
  prepareSessions(): void;
  openNew(): Promise<void>;
  openSessions(): Promise<void>;
  searchSessions(): Promise<void>;
  openKeys(): Promise<void>;
  openSessionMenu(button: HTMLElement): Promise<void>;
}

interface RowActions {
  retry(requestId: string): void;
  edit(requestId: string): void;
  discard(requestId: string): void;
}

interface SessionRow {
  node: HTMLElement;
  update(nowMs: number): void;
}

interface SessionRowActions {
  open(): void;
  openMenu(button: HTMLElement): void;
}

interface SessionListView {
  nodes: HTMLElement[];
  search: HTMLInputElement;
  currentRow(): HTMLElement | null;
}

interface SessionMenuDeps {
  chat: Chat;
  checkExport: (userId: string) => Promise<boolean>;
}

/** An item of a menu. With `hasResult`, the text that `act` returns is shown before the menu closes. */
interface MenuItem {
  label: string;
  act: () => unknown;
  hasResult?: boolean;
  isDanger?: boolean;
}
