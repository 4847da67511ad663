import { Hono } from 'hono';
import { createRenderedPage } from '../cache/rendered-pages.ts';
import type { ServerEnv } from './bindings.ts';
import { answerRendered } from './rendered-answer.ts';

/** The document changes only with the gateway's version, but a rollout may happen at any time. */
const CACHE_CONTROL = 'public, max-age=300';

/** Serves the OpenAPI document of a listener at `/openapi.json`. It is read at the first request to keep startup fast. */
export function createDescriptionRoutes(listener: 'public' | 'admin', version: string): Hono<ServerEnv> {
  const app = new Hono<ServerEnv>();
  let loading: Promise<ReturnType<typeof createRenderedPage>> | undefined;
  async function load() {
    const { publicDocument, adminDocument } = await import('./openapi-documents.ts');
    const render = listener === 'public' ? publicDocument : adminDocument;
    return createRenderedPage(Buffer.from(render(version)));
  }
  app.get('/openapi.json', async (context) => {
    loading ??= load();
    return answerRendered(context, await loading, {
      'Content-Type': 'application/json',
      'Cache-Control': CACHE_CONTROL,
    });
  });
  return app;
}
