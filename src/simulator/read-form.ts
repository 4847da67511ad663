import type { IncomingMessage } from 'node:http';

const MAX_FORM_BYTES = 16_384;

/** Reads a small request body; a larger one ends the connection. */
export function readForm(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    let form = '';
    request.setEncoding('utf8');
    request.on('data', (chunk: string) => {
      form += chunk;
      if (form.length > MAX_FORM_BYTES) request.destroy();
    });
    request.on('end', () => resolve(form));
    request.on('error', reject);
  });
}
