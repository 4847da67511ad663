import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { FreshnessWindow } from '../../src/cache/freshness.ts';
import type { Entry } from '../../src/cache/memory-tier.ts';

type Eventually<Value> = Value | Promise<Value>;

/** The interface that all tiers share, synchronous or asynchronous. */
export interface Tier {
  get(project: string, key: string): Eventually<Entry<string> | undefined>;
  set(project: string, key: string, entry: Entry<string>): Eventually<boolean>;
  delete(project: string, key: string): Eventually<void>;
  dropProject(project: string): Eventually<void>;
  clear(): Eventually<void>;
  /** The purge sequence of an entry that is stored now. */
  readonly epoch: number;
  /** The maximum size of one entry in bytes. */
  readonly mostBytes: number;
}

/** The contract tests of a tier, run on the result of `open`; `times` is the window of an entry that was just loaded. */
export function describeTier(
  name: string,
  open: () => Promise<{ tier: Tier; times: () => FreshnessWindow; close: () => Promise<void> }>,
): void {
  describe(`a tier: ${name}`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let tier: Tier;
    beforeAll(async () => {
      opened = await open();
      tier = opened.tier;
    });
    afterAll(() => opened.close());
    beforeEach(() => tier.clear());

    const entry = (value: string): Entry<string> => ({
      value,
      window: opened.times(),
      bytes: value.length,
      operation: 'listThings',
      epoch: tier.epoch,
    });
    const heldValue = async (project: string, key: string) => (await tier.get(project, key))?.value;

    test('a stored entry is found with its value, size, operation and times', async () => {
      const stored = entry('a list');
      expect(await tier.set('project', 'key', stored)).toBe(true);
      const found = await tier.get('project', 'key');
      expect(found).toMatchObject({ value: 'a list', bytes: 6, operation: 'listThings' });
      for (const [moment, at] of Object.entries(stored.window))
        expect(found?.window[moment as keyof FreshnessWindow]).toBeCloseTo(at, -2);
    });

    test('a key that was not stored is not found, even if similar keys are stored', async () => {
      await tier.set('project', 'key', entry('a list'));
      expect(await tier.get('project', 'other')).toBeUndefined();
      expect(await tier.get('other', 'key')).toBeUndefined();
      expect(await tier.get('', 'project key')).toBeUndefined();
    });

    test('storing under the same key again replaces the entry', async () => {
      await tier.set('project', 'key', entry('old'));
      await tier.set('project', 'key', entry('new'));
      expect(await heldValue('project', 'key')).toBe('new');
    });

    test('deleting removes one entry and leaves the others', async () => {
      await tier.set('project', 'one', entry('1'));
      await tier.set('project', 'two', entry('2'));
      await tier.delete('project', 'one');
      await tier.delete('project', 'never there');
      expect([await heldValue('project', 'one'), await heldValue('project', 'two')]).toEqual([
        undefined,
        '2',
      ]);
    });

    test('dropping a project removes its entries and no others, and later entries are stored again', async () => {
      await tier.set('project', 'one', entry('1'));
      await tier.set('other', 'one', entry('2'));
      await tier.dropProject('project');
      expect([await heldValue('project', 'one'), await heldValue('other', 'one')]).toEqual([undefined, '2']);
      expect(await tier.set('project', 'one', entry('3'))).toBe(true);
      expect(await heldValue('project', 'one')).toBe('3');
    });

    test('clearing removes everything', async () => {
      await tier.set('project', 'one', entry('1'));
      await tier.set('other', 'two', entry('2'));
      await tier.clear();
      expect([await heldValue('project', 'one'), await heldValue('other', 'two')]).toEqual([
        undefined,
        undefined,
      ]);
    });

    test('an entry that is too large is rejected and not stored', async () => {
      expect(await tier.set('project', 'key', entry('x'.repeat(tier.mostBytes + 1)))).toBe(false);
      expect(await tier.get('project', 'key')).toBeUndefined();
    });

    test('any sequence of storing, deleting and dropping returns the entry that was stored last', async () => {
      const name = fc.constantFrom('a', 'b', 'a b', '', 'ä');
      const step = fc.oneof(
        { weight: 6, arbitrary: fc.tuple(fc.constant('set' as const), name, name, fc.string()) },
        { weight: 3, arbitrary: fc.tuple(fc.constant('delete' as const), name, name, fc.constant('')) },
        {
          weight: 1,
          arbitrary: fc.tuple(fc.constant('drop' as const), name, fc.constant(''), fc.constant('')),
        },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
          await tier.clear();
          const model = new Map<string, Map<string, string>>();
          for (const [what, project, key, value] of steps) {
            const window = model.get(project) ?? new Map<string, string>();
            model.set(project, window);
            if (what === 'set') {
              expect(await tier.set(project, key, entry(value))).toBe(true);
              window.set(key, value);
            } else if (what === 'delete') {
              await tier.delete(project, key);
              window.delete(key);
            } else {
              await tier.dropProject(project);
              window.clear();
            }
          }
          for (const [project, window] of model)
            for (const key of ['a', 'b', 'a b', '', 'ä'])
              expect(await heldValue(project, key)).toBe(window.get(key));
        }),
        { numRuns: 40 },
      );
    });
  });
}
