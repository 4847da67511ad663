// Generates config/gateway.schema.json, the JSON Schema of the configuration, for editors.
import { writeFileSync } from 'node:fs';
import { toJsonSchema } from '../dist/config/json-schema.js';

writeFileSync(
  new URL('../config/gateway.schema.json', import.meta.url),
  `${JSON.stringify(toJsonSchema(), null, 2)}\n`,
);
