import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The JSON Schema of the configuration file, for editors. */
export const toJsonSchema = () => z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' });
