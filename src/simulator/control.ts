import type { IncomingMessage } from 'node:http';
import type { Fault, Faults } from './faults.ts';
import { type Json, writeJson } from './pages.ts';
import { readForm } from './read-form.ts';
import type { RequestLog } from './request-log.ts';
import { errorResponse, type SimulatedResponse } from './response.ts';

const jsonResponse = (value: Json): SimulatedResponse => ({
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: `${writeJson(value, true)}\n`,
});

/** A fault as JSON: without the properties that are not set. */
function faultJson(fault: Fault): Json {
  const json: Json = JSON.parse(JSON.stringify(fault));
  return json;
}

/** The control interface: `GET`, `POST` and `DELETE /simulator/faults`, `GET /simulator/requests`. */
export function createControl({
  faults,
  requestLog,
}: {
  readonly faults: Faults;
  readonly requestLog: RequestLog;
}) {
  async function controlFaults(request: IncomingMessage): Promise<SimulatedResponse> {
    if (request.method === 'DELETE') faults.clear();
    if (request.method === 'POST') {
      const fault: Partial<Fault> = JSON.parse(await readForm(request));
      faults.add({ target: '', ...fault });
    }
    return jsonResponse(faults.list().map(faultJson));
  }

  return async (request: IncomingMessage, path: string): Promise<SimulatedResponse> => {
    switch (path) {
      case '/simulator/requests':
        return jsonResponse(
          requestLog.requests.map(({ method, target, status }) => ({ method, target, status })),
        );
      case '/simulator/faults':
        return controlFaults(request);
      default:
        return errorResponse({
          status: 404,
          errorCode: 'RESOURCE_NOT_FOUND',
          detail: 'Use /simulator/faults or /simulator/requests.',
          parameters: [],
        });
    }
  };
}
