// What can go wrong with a call, sorted by what the person at the page can do about it. Knows problem+json, not the page.

/** The wait that is taken when a server names an absurd one. */
const LONGEST_RETRY_AFTER_MS = 10 * 60 * 1000;

/** A call that did not succeed. Status 0 means that no answer came. */
export class ApiError extends Error {
  constructor({ status = 0, reason = '', detail = '', violations = [], retryAfterMs = null, requestId = '' }) {
    super(detail || reason || `status ${status}`);
    this.name = 'ApiError';
    Object.assign(this, { status, reason, detail, violations, retryAfterMs, requestId });
  }

  /** One of `unreachable`, `busy`, `invalid`, `gone`, `exists`, `full`, `forbidden`, `failed`. */
  get kind() {
    const { status, reason } = this;
    if (status === 0) return 'unreachable';
    // Any other 404 is a wrong path or a proxy's: it says nothing about the session.
    if (reason === 'SESSION_NOT_FOUND') return 'gone';
    if (reason === 'SESSION_EXISTS') return 'exists';
    if (reason === 'SESSION_FULL' || reason === 'TOO_MANY_SESSIONS') return 'full';
    if (reason === 'TURN_IN_PROGRESS' || [429, 502, 503, 504].includes(status)) return 'busy';
    if (status === 401 || status === 403) return 'forbidden';
    if ([400, 413, 415, 422].includes(status)) return 'invalid';
    return 'failed';
  }

  /** What a later visit needs to say the same. */
  toJSON() {
    const { status, reason, detail, violations, requestId } = this;
    return { status, reason, detail, violations, requestId };
  }

  /** Whether the same call may succeed a little later. */
  get retryable() {
    return this.kind === 'busy' || this.kind === 'unreachable';
  }

  /** The first violation of a field whose name ends in one of `names`, as a sentence. */
  violationOf(...names) {
    const found = this.violations.find(({ field }) => names.some((name) => field === name || field.endsWith(`.${name}`)));
    return found ? sentence(found.description) : null;
  }

  /** What to tell the person when nothing more exact is known. */
  get explanation() {
    const said = OWN_WORDS.includes(this.kind) ? '' : this.violations[0]?.description || this.detail;
    const words = said || WORDS[this.kind];
    const reference = this.kind === 'failed' && this.requestId ? ` (reference ${this.requestId})` : '';
    return sentence(words + reference);
  }
}

/** A problem as it was stored, or null. */
export const storedProblem = (stored) => (stored ? new ApiError(stored) : null);

/** Reads a refusal. `body` is the parsed problem+json, or null where there was none. */
export function readProblem(status, headers, body, nowMs) {
  const problem = body && typeof body === 'object' ? body : {};
  return new ApiError({
    status,
    reason: text(problem.reason),
    detail: text(problem.detail) || text(problem.title),
    violations: Array.isArray(problem.violations)
      ? problem.violations.map((v) => ({ field: text(v?.field), description: text(v?.description) }))
      : [],
    retryAfterMs: retryAfter(problem.retry_after_ms, headers.get('retry-after'), nowMs),
    requestId: text(problem.request_id) || headers.get('x-request-id') || '',
  });
}

/** The wait a server asks for, in milliseconds, or null. `header` is in seconds or an HTTP date. */
export function retryAfter(milliseconds, header, nowMs) {
  let wait = null;
  if (Number.isFinite(milliseconds)) wait = milliseconds;
  else if (/^\d+$/.test(header ?? '')) wait = Number(header) * 1000;
  else if (header && !Number.isNaN(Date.parse(header))) wait = Date.parse(header) - nowMs;
  return wait === null ? null : Math.min(Math.max(wait, 0), LONGEST_RETRY_AFTER_MS);
}

/** Where the page knows better than the service what this means to the person. */
const OWN_WORDS = ['unreachable', 'gone'];

const WORDS = {
  unreachable: 'the service cannot be reached',
  busy: 'the service is busy',
  invalid: 'the service did not accept this',
  gone: 'this session has ended',
  exists: 'this name is in use',
  full: 'there is no room for more',
  forbidden: 'you are not allowed to do this',
  failed: 'something went wrong in the service',
};

const text = (value) => (typeof value === 'string' ? value : '');

/** Servers write lower case without a full stop; people read sentences. */
function sentence(words) {
  const trimmed = words.trim();
  if (!trimmed) return '';
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
