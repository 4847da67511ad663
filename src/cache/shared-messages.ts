import { z } from 'zod';

/** What the engine answers to who joins. */
export const joinReply = z.tuple([
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  z.number(),
  z.number(),
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
