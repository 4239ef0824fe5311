// The error of a call, classified by what the user can do about it.
// @ts-check

/** An unsuccessful call. Status 0 means that there was no response. */
export class ApiError extends Error {
  /**
   * @param {{status?: number, reason?: string, detail?: string, violations?: Violation[], retryAfterMs?: number | null,
   *   requestId?: string, loginUrl?: string | null}} fields
   */
  constructor({
    status = 0,
    reason = '',
    detail = '',
    violations = [],
    retryAfterMs = null,
    requestId = '',
    loginUrl = null,
  }) {
    super(detail || reason || `status ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.reason = reason;
    this.detail = detail;
    this.violations = violations;
    this.retryAfterMs = retryAfterMs;
    this.requestId = requestId;
    this.loginUrl = loginUrl;
  }

  /** @returns {ErrorKind} */
  get kind() {
    const { status, reason } = this;
    if (status === 0) return 'unreachable';
    if (status === 401) return 'unauthenticated';
    // A 404 with another reason comes from a wrong path or from a proxy, and says nothing about the session.
    if (reason === 'SESSION_NOT_FOUND') return 'gone';
    if (reason === 'SESSION_EXISTS') return 'exists';
    if (reason === 'SESSION_FULL' || reason === 'TOO_MANY_SESSIONS') return 'full';
    if (reason === 'TURN_IN_PROGRESS' || [429, 502, 503, 504].includes(status)) return 'busy';
    if (status === 403) return 'forbidden';
    if ([400, 413, 415, 422].includes(status)) return 'invalid';
    return 'failed';
  }

  /** Returns the fields to store, so that a later visit can show the error. */
  toJSON() {
    const { status, reason, detail, violations, requestId } = this;
    return { status, reason, detail, violations, requestId };
  }

  /** Returns true if the same call may succeed later. */
  get retryable() {
    return this.kind === 'busy' || this.kind === 'unreachable';
  }

  /**
   * Returns the first violation of a field, as a sentence, or null. Fields of nested objects match by their last name.
   *
   * @param {string[]} names wire names
   */
  violationOf(...names) {
    const found = this.violations.find(({ field }) =>
      names.some((name) => field === name || field.endsWith(`.${name}`)),
    );
    return found ? sentence(found.description) : null;
  }

  /** Returns a sentence for the user. */
  get explanation() {
    const fromService = EXPLAINED_BY_PAGE.includes(this.kind) ? '' : this.violations[0]?.description || this.detail;
    const reference = this.kind === 'failed' && this.requestId ? ` (reference ${this.requestId})` : '';
    const isSignedOut = this.kind === 'unauthenticated' && this.loginUrl !== null;
    const explanation = isSignedOut ? 'you are signed out' : EXPLANATIONS[this.kind];
    return sentence((fromService || explanation) + reference);
  }
}

/** Restores an error from storage. Returns null if none was stored. */
export const restoreError = (/** @type {any} */ stored) => (stored ? new ApiError(stored) : null);

/** Returns the error of a turn that was stopped before its reply had any text. */
export const turnCancelled = () =>
  new ApiError({ status: 409, reason: 'TURN_CANCELLED', detail: 'the reply was stopped before it began' });

/** Kinds that the page explains better than the service. */
const EXPLAINED_BY_PAGE = ['unreachable', 'unauthenticated', 'gone'];

/** @type {Record<ErrorKind, string>} */
const EXPLANATIONS = {
  unreachable: 'the service cannot be reached',
  unauthenticated: 'this browser has no valid cookie for this server',
  busy: 'the service is busy',
  invalid: 'the service did not accept this',
  gone: 'this session has ended',
  exists: 'this name is in use',
  full: 'there is no room for more',
  forbidden: 'you are not allowed to do this',
  failed: 'something went wrong in the service',
};

/** Makes a sentence of a service's detail, which is lower case and has no full stop. */
function sentence(/** @type {string} */ detail) {
  const trimmed = detail.trim();
  if (!trimmed) return '';
  const capital = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?]$/.test(capital) ? capital : `${capital}.`;
}
