import { z } from 'zod';

/** A larger counter is damaged or forged: no group gets that far. Stored values encode counters in six bytes. */
export const MAX_COUNT = 99_999_999_999_999;
const count = z.int().min(0).max(MAX_COUNT);

/** The engine's reply to a join. */
export const joinReply = z.tuple([
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  count,
  count,
  z.array(z.instanceof(Buffer)),
  z.array(z.instanceof(Buffer)),
]);

/** The group's secret, from which key names are derived. */
export const secretForm = z.object({ id: z.string(), names: z.string() });
/** A purge as it is sent to other gateways. */
export const purgeForm = z.object({
  id: z.string(),
  project: z.string().optional(),
  operation: z.string().optional(),
  soft: z.boolean(),
});
/** A batch of news of one gateway. */
export const newsForm = z.object({ from: z.string(), news: z.array(z.string()) });

export type SharedPurge = z.output<typeof purgeForm>;

/** Parses an opened message of another gateway; undefined if it does not match the schema. */
export function readMessage<Form extends z.ZodType>(
  form: Form,
  plain: Buffer | undefined,
): z.output<Form> | undefined {
  try {
    return form.parse(JSON.parse(plain?.toString() ?? ''));
  } catch {
    return undefined;
  }
}

/** The longest pause that a gateway reports, and the upper bound for pauses it receives. */
export const LONGEST_PAUSE_MS = 300_000;

/** A bucket level from the engine, clamped to the bucket's range (negative levels are debt); undefined if it is not a number. */
export function readLevel(
  tokens: unknown,
  pauseMs: unknown,
  capacity: number,
): { readonly tokens: number; readonly pauseMs: number } | undefined {
  const [level, pause] = [Number(String(tokens)), Number(pauseMs)];
  if (!Number.isFinite(level) || !Number.isFinite(pause)) return undefined;
  return {
    tokens: Math.max(-capacity, Math.min(capacity, level)),
    pauseMs: Math.max(0, Math.min(LONGEST_PAUSE_MS, pause)),
  };
}
