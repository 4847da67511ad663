import { z } from 'zod';

/** Counters that are larger are damaged or forged: no group counts so far. Values have six bytes for them. */
export const MAX_COUNT = 99_999_999_999_999;
const count = z.int().min(0).max(MAX_COUNT);

/** What the engine answers to who joins. */
export const joinReply = z.tuple([
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  count,
  count,
  z.array(z.instanceof(Buffer)),
  z.array(z.instanceof(Buffer)),
]);

/** The group's secret, of which the names are made. */
export const secretForm = z.object({ id: z.string(), names: z.string() });
/** A purge as the others are told of it. */
export const purgeForm = z.object({
  id: z.string(),
  project: z.string().optional(),
  operation: z.string().optional(),
  soft: z.boolean(),
});
/** News of one gateway. */
export const newsForm = z.object({ from: z.string(), news: z.array(z.string()) });

export type SharedPurge = z.output<typeof purgeForm>;

/** What another gateway wrote, once it is opened; undefined where it is nothing of this form. */
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

/** The longest pause that a gateway reports, and that others believe. */
export const LONGEST_PAUSE_MS = 300_000;

/** The level of a bucket as the engine has it; undefined where it is not a number, and within what a bucket can hold or owe. */
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
