import { expect, test } from 'vitest';
import { createListener } from '../../src/server/listener.ts';
import { createFakeClock } from '../support/fake-clock.ts';
import { raw } from '../support/raw.ts';

test('a connection without traffic is closed, before its first request or after its last', async () => {
  const listener = createListener(
    { address: { section: 'listen', host: '127.0.0.1', port: 0 }, idleMs: 500 },
    (_request, response) => response.end('here'),
    {
      clock: createFakeClock(),
      nextRequestId: () => 'r-1',
      onUnexpectedError: ({ kind }) => expect.unreachable(kind),
    },
  );
  const origin = await listener.listen();
  const closed = await Promise.all([raw(origin, ''), raw(origin, 'GET / HTTP/1.1\r\nHost: here\r\n\r\n')]);
  expect(closed).toEqual(['', expect.stringMatching(/here$/)]);
  await listener.drain({ delayMs: 0, deadlineMs: 0 });
});
