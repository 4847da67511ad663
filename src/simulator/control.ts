import type { IncomingMessage } from 'node:http';
import type { ZodError } from 'zod';
import type { Catalog } from '../atlas/catalog.ts';
import { faultSchema } from './fault-settings.ts';
import type { Faults } from './faults.ts';
import { type Json, writeJson } from './pages.ts';
import { readForm } from './read-form.ts';
import type { RequestLog } from './request-log.ts';
import { errorResponse, type SimulatedResponse } from './response.ts';
import { CALM_WEATHER, type Weather } from './weather.ts';
import { weatherSchema } from './weather-settings.ts';
import type { World } from './world.ts';

const jsonResponse = (value: Json): SimulatedResponse => ({
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: `${writeJson(value, true)}\n`,
});

const badRequest = (detail: string): SimulatedResponse =>
  errorResponse({ status: 400, errorCode: 'INVALID_REQUEST', detail, parameters: [] });

const invalidSettings = ({ issues }: ZodError): SimulatedResponse =>
  badRequest(
    issues
      .map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`))
      .join('; '),
  );

/** A value as JSON: without the properties that are not set. */
function asJson(value: object): Json {
  const json: Json = JSON.parse(JSON.stringify(value));
  return json;
}

/** The value of a JSON text; undefined if it is not JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface ControlDependencies {
  readonly faults: Faults;
  readonly requestLog: RequestLog;
  readonly weather: Weather;
  readonly world: World;
  readonly catalog: Catalog;
}

/**
 * The control interface: `GET`, `POST` and `DELETE /simulator/faults`, `GET`, `POST` and `DELETE /simulator/weather`,
 * `GET` and `DELETE /simulator/requests`, and `GET /simulator/items?path=PATH`, the items of a list at this moment.
 */
export function createControl({ faults, requestLog, weather, world, catalog }: ControlDependencies) {
  async function controlFaults(request: IncomingMessage): Promise<SimulatedResponse> {
    if (request.method === 'DELETE') faults.clear();
    if (request.method === 'POST') {
      const parsed = faultSchema.safeParse(parseJson(await readForm(request)));
      if (!parsed.success) return invalidSettings(parsed.error);
      faults.add(parsed.data);
    }
    return jsonResponse(faults.list().map(asJson));
  }

  async function controlWeather(request: IncomingMessage): Promise<SimulatedResponse> {
    if (request.method === 'DELETE') weather.change(CALM_WEATHER);
    if (request.method === 'POST') {
      const parsed = weatherSchema.safeParse(parseJson(await readForm(request)));
      if (!parsed.success) return invalidSettings(parsed.error);
      weather.change(parsed.data);
    }
    return jsonResponse(asJson(weather.settings));
  }

  function controlRequests({ method }: IncomingMessage): SimulatedResponse {
    if (method === 'DELETE') requestLog.clear();
    return jsonResponse(
      requestLog.requests.map(({ method, target, status }) => ({ method, target, status })),
    );
  }

  function listItems(path: string): SimulatedResponse {
    const matched = catalog.match(path);
    return matched.type === 'matched'
      ? jsonResponse(world.items({ ...matched, path, filters: '' }))
      : badRequest('Use /simulator/items?path=PATH with the path of a list.');
  }

  return async (request: IncomingMessage, url: URL): Promise<SimulatedResponse> => {
    switch (url.pathname) {
      case '/simulator/requests':
        return controlRequests(request);
      case '/simulator/faults':
        return controlFaults(request);
      case '/simulator/weather':
        return controlWeather(request);
      case '/simulator/items':
        return listItems(url.searchParams.get('path') ?? '');
      default:
        return errorResponse({
          status: 404,
          errorCode: 'RESOURCE_NOT_FOUND',
          detail: 'Use /simulator/faults, /simulator/weather, /simulator/requests or /simulator/items.',
          parameters: [],
        });
    }
  };
}
