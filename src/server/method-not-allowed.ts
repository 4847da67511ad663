import type { Context } from 'hono';
import type { ServerEnv } from './bindings.ts';
import { errorAnswer } from './error-answer.ts';
import type { Reply } from './reply.ts';
import type { ReportAnswer } from './routed-event.ts';

/** Answers 405 with `Allow` (RFC 9110 section 15.5.6); the last handler of a path that supports other methods. */
export function createMethodNotAllowed(
  methods: readonly string[],
  { reply, report }: { readonly reply: Reply; readonly report?: ReportAnswer },
) {
  const allow = methods.join(', ');
  const error = {
    status: 405,
    errorCode: 'METHOD_NOT_ALLOWED',
    detail: `This path supports only ${allow}.`,
  } as const;
  return (context: Context<ServerEnv>): Response => {
    const answer = errorAnswer(error, context.get('requestId'), { Allow: allow });
    report?.(context, { status: error.status, bytes: answer.body.length, errorCode: error.errorCode });
    return reply(context, answer);
  };
}
