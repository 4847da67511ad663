import type { Clock } from '../lib/clock.ts';
import type { TraceSpan } from '../lib/trace-span.ts';
import { type BearerDependencies, createBearer } from './auth/bearer.ts';
import { createDigest } from './auth/digest.ts';
import { createRotation, type Rotation } from './auth/secret-rotation.ts';
import { createSignedSend } from './auth/signed-send.ts';
import type { CredentialSecrets, Signer, Unsigned } from './auth/signer.ts';
import type { Budget } from './budget/budget.ts';
import { createCircuitBreaker } from './circuit-breaker.ts';
import { LATE_FRACTION, SENT_LATE, TIMED_OUT } from './failure.ts';
import {
  type Exchange,
  listOf,
  type Send,
  sendDeadlineOf,
  type UpstreamRequest,
  type UpstreamResult,
} from './message.ts';
import { createRetry } from './retry.ts';
import type { Scheduler } from './scheduler.ts';

export interface CredentialOptions {
  /** The credential's name in the configuration. */
  readonly name: string;
  readonly kind: 'service-account' | 'api-key';
  readonly secrets: CredentialSecrets;
  /** Deadline for minting a token or verifying the credential. */
  readonly mintTimeoutMs: number;
}

export interface UpstreamClientOptions extends CredentialOptions {
  /** Limit for each call, from when it is sent. */
  readonly timeoutMs: number;
}

export interface UpstreamClientDependencies extends Omit<BearerDependencies, 'internalExchange'> {
  readonly budget: Budget;
  readonly scheduler: Scheduler;
  /** A few slots for the gateway's own calls: tokens, challenges, rate limits. They never wait behind the calls that need them. */
  readonly internalScheduler: Scheduler;
}

/** The Atlas client of one credential. */
export interface UpstreamClient extends Pick<Rotation, 'id' | 'proposeSecrets'> {
  readonly send: Send;
  /** Stops testing secrets and revokes the token in use, unless other gateways use it too. The client is not used afterwards. */
  close(): Promise<void>;
  /** Whether the circuit breaker is open. */
  readonly circuitOpen: boolean;
  /** When it opened, in monotonic milliseconds; undefined while it is closed. */
  readonly circuitOpenedAt: number | undefined;
}

/** Creates the signer for a credential of either kind. */
export function createSigner(
  { name, kind, secrets, mintTimeoutMs }: CredentialOptions,
  dependencies: BearerDependencies,
): Signer {
  switch (kind) {
    case 'service-account':
      return createBearer({ name, secrets, mintTimeoutMs }, dependencies);
    case 'api-key':
      return createDigest({ name, secrets, verifyTimeoutMs: mintTimeoutMs }, dependencies);
  }
}

/** The gateway's own calls in slots of their own. */
const createInternalExchange =
  (credential: string, { exchange, internalScheduler }: UpstreamClientDependencies): Exchange =>
  (request) =>
    internalScheduler.run(
      {
        caller: credential,
        list: `${credential} ${request.target}`,
        loadClass: 'first-page',
        deadlineAt: request.deadlineAt,
      },
      () => exchange(request),
    );

/** Signs, sends and measures one call, whose time limit begins now. */
function createWireCall(
  { name, timeoutMs }: UpstreamClientOptions,
  signer: Pick<Signer, 'send'>,
  { clock, observe }: UpstreamClientDependencies,
) {
  return async (request: UpstreamRequest): Promise<UpstreamResult | Unsigned> => {
    const startedAt = clock.now();
    request.onSent?.();
    const span = request.span?.begin(`GET ${request.operation}`, 'client', {
      'http.request.method': 'GET',
      'atlas_gateway.operation': request.operation,
      'atlas_gateway.credential': name,
    });
    const result = await signer.send({ ...request, deadlineAt: startedAt + timeoutMs });
    if (result.type !== 'unsigned' || result.rejected === true)
      observe({
        type: 'upstream-exchange',
        operation: request.operation,
        credential: name,
        code: codeOf(result),
        durationMs: clock.now() - startedAt,
      });
    span?.end(spanResultOf(result));
    return result;
  };
}

function codeOf(result: UpstreamResult | Unsigned): string {
  if (result.type === 'unsigned') return result.failure.code;
  return result.type === 'failed' ? result.code : String(result.status);
}

/** `unsigned`: the token or nonce was rejected, and the call is repeated with another. */
function spanResultOf(result: UpstreamResult | Unsigned): Parameters<TraceSpan['end']>[0] {
  switch (result.type) {
    case 'answered': {
      const failed = result.status >= 500;
      const type = failed ? { 'error.type': String(result.status) } : {};
      return { failed, attributes: { 'http.response.status_code': result.status, ...type } };
    }
    case 'failed':
      return { failed: true, attributes: { 'error.type': result.code } };
    case 'unsigned':
      return { failed: true, attributes: { 'error.type': result.failure.code } };
  }
}

/** Waits for a slot before each call. */
function createSlotted(
  call: (request: UpstreamRequest) => Promise<UpstreamResult | Unsigned>,
  { scheduler, internalScheduler }: UpstreamClientDependencies,
) {
  return (request: UpstreamRequest): Promise<UpstreamResult | Unsigned> => {
    const { caller = '', priority } = request;
    const deadlineAt = sendDeadlineOf(request);
    const { loadClass = priority === 'background' ? 'background' : 'first-page' } = request;
    const isOwn = loadClass === 'internal';
    request.onQueued?.();
    return (isOwn ? internalScheduler : scheduler).run(
      {
        caller,
        list: listOf(request),
        loadClass: isOwn ? 'background' : loadClass,
        deadlineAt,
        walk: request.reservation,
      },
      () => call(request),
    );
  };
}

/** Adds up how long requests wait for slots: all attempts of a request, and all requests of a walk, which its reservation identifies. */
function createQueueTimes({ clock }: { clock: Clock }) {
  const queuedMs = new WeakMap<object, number>();
  return (request: UpstreamRequest) => {
    const key = request.reservation ?? request;
    let queuedAt: number | undefined;
    const total = () => (queuedMs.get(key) ?? 0) + (queuedAt === undefined ? 0 : clock.now() - queuedAt);
    const observed: UpstreamRequest = {
      ...request,
      onQueued() {
        queuedAt = clock.now();
        request.onQueued?.();
      },
      onSent() {
        queuedMs.set(key, total());
        queuedAt = undefined;
        request.onSent?.();
      },
    };
    return { request: observed, queuedMs: total };
  };
}

/**
 * Answers each request by its deadline, while a call that is on the wire goes on. A request that was sent late because it had to queue
 * did not have its full time, which is not Atlas's fault.
 */
function createDeadline(
  { timeoutMs }: UpstreamClientOptions,
  { clock }: UpstreamClientDependencies,
): (next: Send) => Send {
  const withQueueTime = createQueueTimes({ clock });
  return (next) => (original) =>
    new Promise((resolve, reject) => {
      const { request, queuedMs } = withQueueTime(original);
      const fail = () => resolve(queuedMs() < timeoutMs * LATE_FRACTION ? TIMED_OUT : SENT_LATE);
      let cancel = clock.after(Math.max(0, request.deadlineAt - clock.now()), () => {
        // A request that still waits in a queue fails at the same moment, for a reason that this layer does not know: it goes first.
        cancel = clock.after(0, fail);
      });
      next(request)
        .then(resolve, reject)
        .finally(() => cancel());
    });
}

/**
 * The layers that a request to Atlas passes, from the outermost to the innermost:
 *
 *   deadline       the caller is answered by its deadline, whatever happens below
 *     retry        repeats transient failures once or twice
 *       breaker    rejects requests while Atlas is down, except for one probe a second
 *         budget   enforces Atlas's rate limits, fairly between callers
 *           token  obtains a token or nonce if there is none; replays a call whose token or nonce was rejected
 *             slot waits for one of the connections; everything below happens in the slot
 *               wire timeout, from here on, so that time in a queue is never taken for a slow Atlas
 *                 measure    reports one event per call that Atlas counts
 *                   sign     with the current secrets (rotation), as bearer or digest
 *                     transport  one connection pool, one origin, no redirects
 *
 * Every wait (pause of a retry, probe, rate limit, token, slot) lies above the slot: a slot is only ever held by a call that is on the wire.
 * Tokens and challenges are obtained in internal slots, so that they cannot wait for requests that wait for them.
 */
export function createUpstreamClient(
  options: UpstreamClientOptions,
  dependencies: UpstreamClientDependencies,
): UpstreamClient {
  const { name, secrets } = options;
  const { clock, random, observe, budget } = dependencies;
  const internalExchange = createInternalExchange(name, dependencies);
  const create = (current: CredentialSecrets, report: BearerDependencies['observe']) =>
    createSigner({ ...options, secrets: current }, { ...dependencies, internalExchange, observe: report });
  const rotation = createRotation({ name, secrets, create }, { clock, observe });
  const circuit = createCircuitBreaker({ credential: name }, { clock, observe });

  const slotted = createSlotted(createWireCall(options, rotation, dependencies), dependencies);
  const signed = createSignedSend(rotation, slotted);
  const guarded = circuit.wrap(budget.limit(name)(signed));
  const retried = createRetry({ clock, random, observe })(guarded);

  return {
    send: createDeadline(options, dependencies)(retried),
    proposeSecrets: (next) => rotation.proposeSecrets(next),
    close: () => rotation.close({ revoke: dependencies.shareGrant === undefined }),
    get id() {
      return rotation.id;
    },
    get circuitOpen() {
      return circuit.open;
    },
    get circuitOpenedAt() {
      return circuit.openedAt;
    },
  };
}
