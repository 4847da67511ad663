import { Hono } from 'hono';
import { isRecord } from '../../lib/record.ts';
import type { PurgeEvent } from '../../observability/events.ts';
import type { ServerEnv } from '../bindings.ts';
import { clientAddress } from '../client-address.ts';
import { bodyOf } from '../request-body.ts';
import { errorResponse, tooLarge } from './error-response.ts';
import { isBrowsers } from './origin-check.ts';

/** Drops all listings, or those of a project or an operation; a soft purge marks them stale instead. */
export interface PurgeScope {
  project?: string;
  operation?: string;
  soft: boolean;
}

/** Where a purge came from, for the log. */
export type PurgeSource = Pick<PurgeEvent, 'origin' | 'requestId' | 'clientIp'>;

export interface PurgeDependencies {
  readonly knowsOperation: (name: string) => boolean;
  /** Whether this project or organization is configured, cached or was read. */
  readonly knowsProject: (id: string) => boolean;
  readonly purge: (scope: PurgeScope, source: PurgeSource) => void;
}

const ID = /^[a-f0-9]{24}$/;

/** `POST /cache/purge` with a scope as JSON; the response repeats it. */
export function createPurgeRoute({
  knowsOperation,
  knowsProject,
  purge,
}: PurgeDependencies): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  app.post('/cache/purge', async (context) => {
    const header = (name: string) => context.req.header(name);
    // HTML forms cannot send this type: a second defence in addition to `isCrossSite`.
    if (isBrowsers(header) && !/^application\/json\b/i.test(header('content-type') ?? ''))
      return errorResponse(context, 400, 'INVALID_REQUEST', 'Send Content-Type: application/json.');
    const body = await bodyOf(context);
    if (body === undefined) return tooLarge(context);
    const scope = parseScope(body);
    if (typeof scope === 'string') return errorResponse(context, 400, 'INVALID_REQUEST', scope);
    if (scope.operation !== undefined && !knowsOperation(scope.operation))
      return errorResponse(context, 404, 'UNKNOWN_OPERATION', 'There is no list operation with that name.');
    if (scope.project !== undefined && !knowsProject(scope.project))
      return errorResponse(
        context,
        404,
        'UNKNOWN_PROJECT',
        'That project is not configured, not cached and was never read.',
      );
    purge(scope, {
      origin: isBrowsers(header) ? 'status-page' : 'api',
      requestId: context.get('requestId'),
      clientIp: clientAddress(context),
    });
    return context.json({ purged: scope });
  });
  return app;
}

/** The scope of a body, or what is wrong with it. An empty body stands for everything. */
function parseScope(text: string): PurgeScope | string {
  let parsed: unknown;
  try {
    parsed = text === '' ? {} : JSON.parse(text);
  } catch {
    return 'The body is not valid JSON.';
  }
  if (!isRecord(parsed)) return 'The body must be a JSON object.';
  const scope: PurgeScope = { soft: false };
  for (const [name, value] of Object.entries(parsed)) {
    if (name === 'soft' && typeof value === 'boolean') scope.soft = value;
    else if (name === 'project' && typeof value === 'string' && ID.test(value)) scope.project = value;
    else if (name === 'operation' && typeof value === 'string') scope.operation = value;
    else
      return 'The body must be {"project": "24 hex digits", "operation": "operation id", "soft": true}; each field is optional.';
  }
  return scope;
}
