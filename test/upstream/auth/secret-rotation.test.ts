import { expect, test } from 'vitest';
import { createRotation } from '../../../src/upstream/auth/secret-rotation.ts';
import type { CredentialSecrets } from '../../../src/upstream/auth/signer.ts';
import type { UpstreamEvent } from '../../../src/upstream/events.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const secretsOf = (secret: string): CredentialSecrets => ({ id: 'id', secret });

function start() {
  const clock = createFakeClock();
  const accepted = new Set(['first']);
  const proofs: string[] = [];
  /** The secret whose verification throws. */
  const broken: { secret?: string } = {};
  const events: UpstreamEvent[] = [];
  const rotation = createRotation(
    {
      name: 'one',
      secrets: secretsOf('first'),
      create: ({ secret }, observe) => ({
        prepare: async () => undefined,
        send: async () => upstreamFailure('UPSTREAM_FAILED', secret),
        async verify() {
          proofs.push(secret);
          if (secret === broken.secret) throw new TypeError('unexpected');
          const outcome = accepted.has(secret) ? 'renewed' : 'refused';
          observe({ type: 'credential-renewal', credential: 'one', outcome });
          return outcome === 'renewed' ? undefined : upstreamFailure('UPSTREAM_AUTH', 'refused');
        },
      }),
    },
    { clock, observe: (event) => void events.push(event) },
  );
  const used = async () => {
    const answer = await rotation.send({} as Parameters<typeof rotation.send>[0]);
    return answer.type === 'failed' ? answer.detail : '';
  };
  const outcomes = () =>
    events.map((event) => (event.type === 'credential-renewal' ? event.outcome : event.type));
  return { clock, accepted, proofs, broken, rotation, used, outcomes };
}

test('a new secret is used once one call has verified it', async () => {
  const { clock, accepted, proofs, rotation, used, outcomes } = start();
  accepted.add('second');
  rotation.proposeSecrets(secretsOf('second'));
  expect(await used()).toBe('first');
  await clock.advance(0);
  expect([await used(), proofs, outcomes()]).toEqual(['second', ['second'], ['renewed', 'rotated']]);
});

test('if a new secret is rejected, the old one stays in use and the new one is verified again with backoff', async () => {
  const { clock, accepted, proofs, rotation, used } = start();
  rotation.proposeSecrets(secretsOf('second'));
  await clock.advance(600_000);
  expect(await used()).toBe('first');
  expect(proofs.length).toBeLessThan(20);
  accepted.add('second');
  await clock.advance(60_000);
  expect(await used()).toBe('second');
});

test('a new secret that is rejected is not reported as a failed renewal of the one in use', async () => {
  const { clock, rotation, outcomes } = start();
  rotation.proposeSecrets(secretsOf('second'));
  await clock.advance(0);
  expect(outcomes()).toEqual(['kept']);
});

test('proposing the old secret again, or another one, stops the attempts', async () => {
  const { clock, accepted, proofs, rotation, used } = start();
  rotation.proposeSecrets(secretsOf('second'));
  await clock.advance(0);
  rotation.proposeSecrets(secretsOf('first'));
  await clock.advance(600_000);
  expect(proofs).toEqual(['second']);
  accepted.add('third');
  rotation.proposeSecrets(secretsOf('third'));
  rotation.proposeSecrets(secretsOf('third'));
  await clock.advance(0);
  expect([await used(), proofs]).toEqual(['third', ['second', 'third']]);
});

test('a new secret whose verification throws is verified again with backoff', async () => {
  const { clock, accepted, broken, rotation, used, outcomes } = start();
  accepted.add('second');
  broken.secret = 'second';
  rotation.proposeSecrets(secretsOf('second'));
  await clock.advance(0);
  expect([await used(), outcomes()]).toEqual(['first', ['unexpected-error']]);
  delete broken.secret;
  await clock.advance(60_000);
  expect([await used(), outcomes()]).toEqual(['second', ['unexpected-error', 'renewed', 'rotated']]);
});
