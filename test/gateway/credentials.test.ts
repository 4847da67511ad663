import { describe, expect, test } from 'vitest';
import { type Credential, createCredentials } from '../../src/gateway/credentials.ts';
import { failed } from '../../src/upstream/failure.ts';
import { createFakeClock } from '../support/fake-clock.ts';

const credential = (name: string, covers?: readonly string[]): Credential => ({
  name,
  send: async () => failed('UPSTREAM_FAILED', 'not asked'),
  stretch: () => 1,
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
    covering: async (id: string) => (await choice.covering(id)).map(({ name }) => name),
  };
}

describe('which credential is asked', () => {
  test('those that name the project, in the order of the configuration', async () => {
    const { covering, asked } = choose(
      [credential('a', ['p']), credential('b', ['q']), credential('c', ['p'])],
      {},
    );
    expect(await covering('p')).toEqual(['a', 'c']);
    expect(await covering('r')).toEqual([]);
    expect(asked).toEqual([]);
  });

  test('a single one without projects, without asking Atlas what it sees', async () => {
    const { covering, asked } = choose([credential('a')], {});
    expect(await covering('p')).toEqual(['a']);
    expect(asked).toEqual([]);
  });

  test('of several without projects the one that sees it; Atlas is asked once for all who wait', async () => {
    const { covering, asked, clock } = choose([credential('a'), credential('b')], { a: ['p'], b: ['q'] });
    expect(await Promise.all([covering('q'), covering('q'), covering('p')])).toEqual([['b'], ['b'], ['a']]);
    expect(asked).toEqual(['a', 'b']);
    expect(await covering('unknown')).toEqual([]);
    expect(asked).toHaveLength(2);
    await clock.advance(60_000);
    expect(await covering('unknown')).toEqual([]);
    expect(asked).toHaveLength(4);
    await clock.advance(600_000);
    expect(await covering('p')).toEqual(['a']);
  });

  test('one that Atlas does not answer for stays in the choice, last', async () => {
    const { covering } = choose([credential('a'), credential('b'), credential('c', ['p'])], {
      a: undefined,
      b: ['p'],
    });
    // One that names the project is at hand: what the others see is only found out for later.
    expect(await covering('p')).toEqual(['c']);
    expect(await covering('p')).toEqual(['c', 'b', 'a']);
  });
});
