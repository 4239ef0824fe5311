// The error of a call, classified by what the user can do about it.
// @ts-check

import { FIELDS, KINDS, REASONS, reference, SIGNED_OUT, TOO_LARGE } from './words/errors.js';

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
    super(detail || reason || `status=${status}`);
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
   * Returns a sentence for the user if one of these fields was rejected, or null. Fields of nested objects match by their last name.
   *
   * @param {string[]} names wire names
   */
  violationOf(...names) {
    const rejected = this.violations.map(({ field }) => field.split('.').at(-1) ?? '');
    const found = names.find((name) => rejected.includes(name));
    return found ? (FIELDS.get(found) ?? KINDS.invalid) : null;
  }

  /** Returns a sentence for the user, which says what to do. The texts of the service are for programmers. */
  get explanation() {
    const { kind, reason, status, requestId } = this;
    if (kind === 'unauthenticated' && this.loginUrl !== null) return SIGNED_OUT;
    if (status === 413) return TOO_LARGE;
    const sentence = this.violationOf(...FIELDS.keys()) ?? REASONS[reason] ?? KINDS[kind];
    return kind === 'failed' && requestId ? sentence.replace(/\.$/, `${reference(requestId)}.`) : sentence;
  }
}

/** Restores an error from storage. Returns null if none was stored. */
export const restoreError = (/** @type {any} */ stored) => (stored ? new ApiError(stored) : null);

/** Returns the error of a turn that was stopped before its reply had any text. */
export const turnCancelled = () =>
  new ApiError({ status: 409, reason: 'TURN_CANCELLED', detail: 'the reply was stopped before it began' });
