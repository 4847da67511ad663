import { describe, expect, test } from 'vitest';
import { type Credential, createCredentials } from '../../../src/gateway/credentials/selection.ts';
import { upstreamFailure } from '../../../src/upstream/failure.ts';
import { createFakeClock } from '../../support/fake-clock.ts';

const credential = (name: string, covers?: readonly string[]): Credential => ({
  name,
  send: async () => upstreamFailure('UPSTREAM_FAILED', 'not asked'),
  freshnessFactor: () => 1,
  ...(covers === undefined ? {} : { covers: new Set(covers) }),
});

function choose(credentials: readonly Credential[], sees: Record<string, readonly string[] | undefined>) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const choice = createCredentials(credentials, {
    clock,
    discover: async ({ name }) => {
      asked.push(name);
      const ids = sees[name];
      return ids === undefined ? undefined : new Set(ids);
    },
  });
  return {
    clock,
    asked,
    candidatesFor: async (id: string) => (await choice.candidatesFor(id)).map(({ name }) => name),
  };
}

describe('credential selection', () => {
  test('prefers credentials that name the project, in configuration order', async () => {
    const { candidatesFor, asked } = choose(
      [credential('a', ['p']), credential('b', ['q']), credential('c', ['p'])],
      {},
    );
    expect(await candidatesFor('p')).toEqual(['a', 'c']);
    expect(await candidatesFor('r')).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('uses a single credential without projects, without discovery', async () => {
    const { candidatesFor, asked } = choose([credential('a')], {});
    expect(await candidatesFor('p')).toEqual(['a']);
    expect(asked).toEqual([]);
  });

  test('of several without projects uses the one that sees the project; waiters share one discovery', async () => {
    const { candidatesFor, asked, clock } = choose([credential('a'), credential('b')], {
      a: ['p'],
      b: ['q'],
    });
    expect(await Promise.all([candidatesFor('q'), candidatesFor('q'), candidatesFor('p')])).toEqual([
      ['b'],
      ['b'],
      ['a'],
    ]);
    expect(asked).toEqual(['a', 'b']);
    expect(await candidatesFor('unknown')).toEqual([]);
    expect(asked).toHaveLength(2);
    await clock.advance(60_000);
    expect(await candidatesFor('unknown')).toEqual([]);
    expect(asked).toHaveLength(4);
    await clock.advance(600_000);
    expect(await candidatesFor('p')).toEqual(['a']);
  });

  test('keeps a credential whose discovery failed as the last candidate', async () => {
    const { candidatesFor } = choose([credential('a'), credential('b'), credential('c', ['p'])], {
      a: undefined,
      b: ['p'],
    });
    // A credential that names the project is known: discovery of the others runs in the background.
    expect(await candidatesFor('p')).toEqual(['c']);
    expect(await candidatesFor('p')).toEqual(['c', 'b', 'a']);
  });
});
