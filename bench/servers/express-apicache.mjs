// express with apicache in front of its handler.
import apicache from 'apicache';
import express from 'express';
import { load, port } from './upstream.mjs';

const app = express();
const cached = apicache
  .options({ appendKey: (request) => request.headers['accept-encoding'] ?? '' })
  .middleware('1 day');
app.get('/api/{*path}', cached, async (request, response) => {
  const { accept, 'accept-encoding': acceptEncoding } = request.headers;
  const { body, headers } = await load(request.originalUrl, { accept, acceptEncoding });
  response.set(headers);
  response.end(body);
});
app.listen(port, '127.0.0.1');
