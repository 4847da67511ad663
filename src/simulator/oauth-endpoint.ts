import type { IncomingMessage } from 'node:http';
import type { Access } from './auth.ts';
import { readForm } from './read-form.ts';
import type { SimulatedResponse } from './response.ts';

/** `POST /api/oauth/token` and `POST /api/oauth/revoke`. */
export const createOauthEndpoint =
  (access: Access) =>
  async (request: IncomingMessage, path: string): Promise<SimulatedResponse> => {
    const form = await readForm(request);
    const { authorization } = request.headers;
    const { status, body } =
      path === '/api/oauth/token' ? access.token(authorization, form) : access.revoke(authorization, form);
    return { status, headers: { 'Content-Type': 'application/json' }, body };
  };
