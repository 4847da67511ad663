import { z } from 'zod';
import type { Fault } from './faults.ts';

/** A fault as `POST /simulator/faults` takes it: unknown settings are errors, so that a misspelt one is not a fault without effect. */
export const faultSchema: z.ZodType<Fault> = z.strictObject({
  target: z.string().default(''),
  times: z.int().min(1).exactOptional(),
  delayMs: z.number().min(0).exactOptional(),
  status: z.int().min(200).max(599).exactOptional(),
  errorCode: z.string().exactOptional(),
  body: z.string().exactOptional(),
  headers: z.record(z.string(), z.string()).exactOptional(),
  wire: z.enum(['hang', 'reset', 'cut', 'drip']).exactOptional(),
  prepend: z.strictObject({ address: z.string(), item: z.json() }).exactOptional(),
  killTokens: z.boolean().exactOptional(),
  killNonces: z.boolean().exactOptional(),
});
