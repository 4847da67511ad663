import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { makeFolder, removeFolders } from '../support/built.ts';
import { freePort } from '../support/free-port.ts';
import { hasRedis, joinGroup, type Redis, startRedis } from '../support/redis.ts';

const ADD_SLOTS = ['CLUSTER', 'ADDSLOTSRANGE', '0', '16383'];

describe.skipIf(!hasRedis)('the shared tier behind every form of address', () => {
  const closing: (() => unknown)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).toReversed()) await close();
    removeFolders();
  });

  async function start(...more: string[]): Promise<Redis> {
    const redis = await startRedis(more);
    closing.push(redis.stop);
    return redis;
  }

  /** Expects two gateways to share values and notifications at this address. */
  async function expectShared(url: string, ca?: string): Promise<void> {
    const offset: string[] = [];
    const options = ca === undefined ? {} : { ca };
    const one = await joinGroup(url, options);
    closing.push(() => one.group.close());
    const handlers = {
      onPurge: () => void offset.push('purge'),
      onChange: (name: string) => void offset.push(name),
    };
    const two = await joinGroup(url, { ...options, handlers });
    closing.push(() => two.group.close());
    expect([one.group.keyFor('list'), one.engine.connected]).toEqual([two.group.keyFor('list'), true]);
    const publish = (name: string) => one.values.publish(name, { plain: Buffer.from(name), lifeMs: 10_000 });
    // The cluster client subscribes on a separate connection, which may be ready later than the command connection.
    await expect.poll(async () => (await publish('zero')) && offset, { timeout: 2_000 }).toContain('zero');
    for (const name of ['one', 'two', 'three', 'four']) {
      expect(await publish(name)).toBe(true);
      expect((await two.values.read(name))?.toString()).toBe(name);
    }
    one.group.broadcastPurge({ soft: false });
    await expect
      .poll(() => offset, { timeout: 2_000 })
      .toEqual(expect.arrayContaining(['purge', 'one', 'four']));
  }

  test('a password', async () => {
    const { port } = await start('--requirepass', 'p@ss/word');
    await expectShared(`redis://:p%40ss%2Fword@127.0.0.1:${port}/2`);
  });

  test('a user with no more rights than documented', async () => {
    const redis = await start();
    redis.cli(
      'ACL',
      'SETUSER',
      'gateway',
      'on',
      '>secret',
      '~agw1:*',
      '&agw1:*',
      '-@all',
      '+@read',
      '+@write',
      '+@scripting',
      '+@connection',
      '+@pubsub',
      '+info',
      '+time',
      '-@dangerous',
      '+info',
    );
    await expectShared(`redis://gateway:secret@127.0.0.1:${redis.port}`);
  });

  test('a wrong password: nothing is shared, and the log contains only an error code', async () => {
    const { port } = await start('--requirepass', 'right');
    const one = await joinGroup(`redis://:wrong@127.0.0.1:${port}`);
    closing.push(() => one.group.close());
    expect(one.group.keyFor('list')).toBeUndefined();
    const states = one.events.filter(({ type }) => type === 'shared-state');
    expect(states).toEqual([{ type: 'shared-state', connected: false, detail: 'WRONGPASS' }]);
  });

  test('TLS with a private CA', async () => {
    const folder = makeFolder();
    const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
    spawnSync('openssl', [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '2',
      '-keyout',
      key,
      '-out',
      cert,
      ...subject,
    ]);
    const port = await freePort();
    await start(
      '--tls-port',
      String(port),
      '--tls-cert-file',
      cert,
      '--tls-key-file',
      key,
      '--tls-ca-cert-file',
      cert,
      '--tls-auth-clients',
      'no',
    );
    await expectShared(`rediss://localhost:${port}`, readFileSync(cert, 'utf8'));
    const unauthenticated = await joinGroup(`rediss://localhost:${port}`);
    closing.push(() => unauthenticated.group.close());
    expect(unauthenticated.engine.connected).toBe(false);
  });

  test('a cluster', async () => {
    const redis = await start('--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1');
    expect(redis.cli(...ADD_SLOTS)).toBe('OK');
    await expect.poll(() => redis.cli('CLUSTER', 'INFO'), { timeout: 5_000 }).toContain('cluster_state:ok');
    await expectShared(`redis+cluster://127.0.0.1:${redis.port}`);
  });

  test('sentinels, through a failover of the primary', async () => {
    const [primary, replica] = [await start('--repl-diskless-sync-delay', '0'), await start()];
    replica.cli('REPLICAOF', '127.0.0.1', String(primary.port));
    const [port, folder] = [await freePort(), makeFolder()];
    const file = join(folder, 'sentinel.conf');
    writeFileSync(
      file,
      `port ${port}
dir ${folder}
sentinel monitor main 127.0.0.1 ${primary.port} 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 3000
`,
    );
    const sentinel: ChildProcess = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
    closing.push(() => void sentinel.kill('SIGKILL'));
    const ask = (...command: string[]) =>
      spawnSync('redis-cli', ['-p', String(port), ...command], { encoding: 'utf8' }).stdout;
    await expect
      .poll(() => ask('SENTINEL', 'REPLICAS', 'main'), { timeout: 15_000 })
      .toContain(String(replica.port));
    const url = `redis+sentinel://127.0.0.1:${port}/main`;
    await expectShared(url);
    const one = await joinGroup(url);
    closing.push(() => one.group.close());
    const name = one.group.keyFor('list');
    await expect.poll(() => replica.cli('KEYS', '*:control'), { timeout: 10_000 }).not.toBe('');
    await primary.kill();
    await expect.poll(() => one.group.isSynced(), { timeout: 15_000, interval: 200 }).toBe(true);
    expect(replica.cli('INFO', 'replication')).toContain('role:master');
    expect(one.group.keyFor('list')).toBe(name);
    expect(await one.values.publish('after', { plain: Buffer.from('x'), lifeMs: 10_000 })).toBe(true);
  }, 40_000);
});
