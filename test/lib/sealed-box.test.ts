import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createSystemRandom } from '../../src/lib/random.ts';
import { createSeal } from '../../src/lib/sealed-box.ts';

const random = createSystemRandom();
const KEY = 'the first of the keys that a test encrypts with';
const NEXT_KEY = 'the second of the keys that a test encrypts with';
const sealWith = (encryptionKey: string, otherKey?: string, maxBytes = 1_000_000) =>
  createSeal({ encryptionKey, otherKey, maxBytes }, { random });
const seal = sealWith(KEY);
const plains = fc.oneof(
  fc.uint8Array({ maxLength: 2_000 }),
  fc.nat(40_000).map((length) => Buffer.from('[{"id":"item"},'.repeat(3_000)).subarray(0, length)),
);

describe('a sealed value', () => {
  test('opens to the original bytes, whatever their size', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), plains, async (place, plain) => {
        const opened = await seal.open(place, await seal.seal(place, Buffer.from(plain)));
        expect(opened?.equals(Buffer.from(plain))).toBe(true);
      }),
    );
  });

  test('does not open if any bit was changed, or if bytes were removed or appended', async () => {
    await fc.assert(
      fc.asyncProperty(plains, fc.nat(), fc.nat(7), fc.nat(40), async (plain, at, bit, cut) => {
        const sealed = await seal.seal('place', Buffer.from(plain));
        const notifyChanged = Buffer.from(sealed);
        const index = at % notifyChanged.length;
        notifyChanged.writeUInt8((notifyChanged[index] ?? 0) ^ (1 << bit), index);
        expect(await seal.open('place', notifyChanged)).toBeUndefined();
        expect(
          await seal.open('place', sealed.subarray(0, Math.max(0, sealed.length - 1 - cut))),
        ).toBeUndefined();
        expect(await seal.open('place', Buffer.concat([sealed, Buffer.alloc(1 + cut)]))).toBeUndefined();
      }),
    );
  });

  test('opens only in its place', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string(), fc.string(), plains, async (place, other, plain) => {
        fc.pre(place !== other);
        expect(await seal.open(other, await seal.seal(place, Buffer.from(plain)))).toBeUndefined();
      }),
    );
  });

  test('is undefined if it is foreign', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await seal.open('place', Buffer.from(bytes))).toBeUndefined();
      }),
    );
  });

  test('reveals nothing of its content, is compressed, and differs each time', async () => {
    const plain = Buffer.from('64b7c0ffee0000000000a001 '.repeat(1_000));
    const [one, two] = [await seal.seal('place', plain), await seal.seal('place', plain)];
    expect(one.equals(two)).toBe(false);
    expect(one.includes('64b7c0ffee')).toBe(false);
    expect(one.length).toBeLessThan(plain.length / 10);
  });

  test('opens with both keys during rotation, and not with an old key afterwards', async () => {
    const sealed = await seal.seal('place', Buffer.from('a list'));
    expect((await sealWith(KEY, NEXT_KEY).open('place', sealed))?.toString()).toBe('a list');
    expect((await sealWith(NEXT_KEY, KEY).open('place', sealed))?.toString()).toBe('a list');
    expect(await sealWith(NEXT_KEY).open('place', sealed)).toBeUndefined();
  });

  test('is not decompressed beyond the size limit', async () => {
    const plain = Buffer.alloc(500_000);
    expect(deflateRawSync(plain).length).toBeLessThan(1_000);
    const sealed = await seal.seal('place', plain);
    expect(await sealWith(KEY, undefined, 100_000).open('place', sealed)).toBeUndefined();
  });
});
