import { createHash, createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Clock } from '../lib/clock.ts';
import type { Random } from '../lib/random.ts';
import type { BudgetShare } from '../upstream/budget.ts';
import { createPurges, type PurgeScope } from './purges.ts';
import { createScript, type SharedEngine } from './shared-engine.ts';
import type { Seal } from './shared-seal.ts';

/** What a gateway does about what the others tell. */
export interface SharedHandlers {
  onPurge(scope: PurgeScope & { soft: boolean }): void;
  /** Purges may have been missed: everything is asked for again, and kept in case that fails. */
  onDoubt(): void;
  /** Purges were missed, and nobody knows which. */
  onGap(): void;
  onNews(news: string): void;
  /** News may have been missed; what lasts of them follows. */
  onMissedNews(): void;
  /** A value was published or a lease given back. */
  onChange(name: string): void;
}

/** The gateways that share one engine: a common secret for names, the purges in one order, and what they tell each other. */
export interface SharedGroup {
  /** Connects, and resolves when it has joined, or after a moment in any case. */
  open(): Promise<void>;
  close(): Promise<void>;
  /** A name that says nothing of its parts to who does not know the group's secret; undefined before it has joined. */
  nameOf(kind: string, ...parts: readonly string[]): string | undefined;
  /** How many purges there were so far: what is loaded now has outlived them. */
  readonly sequence: number;
  /** Whether what others keep may be believed now: this gateway knows of all purges, and they know of its own. */
  upToDate(): Promise<boolean>;
  /** Whether a purge came after `sequence`. */
  covers(project: string, operation: string, sequence: number): boolean;
  announcePurge(scope: PurgeScope & { soft: boolean }): void;
  /** Tells all others once, within a moment. `until`: also those who come later, up to that wall-clock time. */
  tell(news: string, until?: number): void;
  readonly channel: string;
}

const SYNC_MS = 400;
const EXCHANGE_MS = 200;
/** Older knowledge of purges than this is not relied on. */
const BELIEVED_MS = 700;
const LONGEST_JOIN_MS = 1_000;
/** How long own purges are told again to a tier that may have lost them. */
const RECENT_MS = 600_000;
const MAX_RECENT = 200;
const MAX_NEWS = 5_000;
const LOG_ENTRIES = 1_000;
const LASTING = 20_000;
const KEPT_MS = 7 * 24 * 3_600_000;
const NAME_LENGTH = 24;

const JOIN = `
local control, log, news = KEYS[1], KEYS[2], KEYS[3]
local field = ARGV[1]
local sealed = redis.call('HGET', control, field)
if not sealed and ARGV[2] ~= '' then
  sealed = redis.call('HGET', control, ARGV[2])
  if sealed then field = ARGV[2] end
end
if not sealed or sealed == ARGV[7] then
  field, sealed = ARGV[1], ARGV[3]
  redis.call('HSET', control, field, sealed)
end
if not redis.call('HGET', control, 'run') then
  redis.call('HSET', control, 'run', ARGV[4], 'sequence', math.max(0, ARGV[5]), 'news', math.max(0, ARGV[6]))
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ${KEPT_MS}) end
local sequence = tonumber(redis.call('HGET', control, 'sequence') or '0')
local told = tonumber(redis.call('HGET', control, 'news') or '0')
local function since(list, behind)
  if behind <= 0 then return {} end
  return redis.call('LRANGE', list, 0, math.min(behind, ${LOG_ENTRIES}) - 1)
end
return {field, sealed, redis.call('HGET', control, 'run'), sequence, told,
  since(log, sequence - tonumber(ARGV[5])), since(news, told - tonumber(ARGV[6]))}`;

/** Another run, where an older state came back: a number that was given out must not be given out again. */
const RENEW = `
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'run', ARGV[2], 'sequence', ARGV[3])
return 1`;

const RESEAL = `return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])`;

const ANNOUNCE = `
local sequence = redis.call('HINCRBY', KEYS[1], 'sequence', 1)
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, ${LOG_ENTRIES - 1})
redis.call('PUBLISH', ARGV[2], '')
return sequence`;

/**
 * News, what lasts of them, and the buckets of the rate limits: each is filled up to now on the engine's clock, what was drawn is taken out, and
 * it is never fuller than Atlas was seen to say.
 */
const EXCHANGE = `
local control, news, lasting = KEYS[1], KEYS[2], KEYS[3]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = tonumber(ARGV[2])
if count > 0 then
  redis.call('ZREMRANGEBYSCORE', lasting, '-inf', now - 60000)
  for i = 1, count do redis.call('ZADD', lasting, ARGV[2 + 2 * i], ARGV[1 + 2 * i]) end
  redis.call('ZREMRANGEBYRANK', lasting, 0, -${LASTING + 1})
  redis.call('PEXPIRE', lasting, ${KEPT_MS})
end
local at = 3 + 2 * count
if ARGV[at] ~= '' then
  redis.call('HINCRBY', control, 'news', 1)
  redis.call('LPUSH', news, ARGV[at])
  redis.call('LTRIM', news, 0, ${LOG_ENTRIES - 1})
  redis.call('PUBLISH', ARGV[1], '')
end
local levels = {}
for i = 4, #KEYS do
  at = at + 1
  local drawn, ceiling, pause, capacity, refill, per = unpack(ARGV, at, at + 5)
  at = at + 5
  local held = redis.call('HMGET', KEYS[i], 'tokens', 'at', 'paused')
  local tokens = tonumber(capacity)
  if held[1] then
    tokens = math.min(tokens, tonumber(held[1]) + math.max(0, now - tonumber(held[2])) * refill / per)
  end
  tokens = tokens - drawn
  if ceiling ~= '' then tokens = math.min(tokens, tonumber(ceiling)) end
  local paused = tonumber(held[3] or '0')
  if tonumber(pause) > 0 then paused = math.max(paused, now + pause) end
  redis.call('HSET', KEYS[i], 'tokens', tostring(tokens), 'at', now, 'paused', paused)
  redis.call('PEXPIRE', KEYS[i], math.ceil(per * capacity / refill) + 600000)
  levels[#levels + 1] = tostring(tokens)
  levels[#levels + 1] = math.max(0, paused - now)
end
return levels`;

const LASTING_ONES = `return redis.call('ZRANGE', KEYS[1], 0, -1)`;

const joinReply = z.tuple([
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  z.instanceof(Buffer),
  z.number(),
  z.number(),
  z.array(z.instanceof(Buffer)),
  z.array(z.instanceof(Buffer)),
]);
const secretForm = z.object({ id: z.string(), names: z.string() });
const purgeForm = z.object({
  id: z.string(),
  project: z.string().optional(),
  operation: z.string().optional(),
  soft: z.boolean(),
});
const newsForm = z.object({ from: z.string(), news: z.array(z.string()) });

function readJson<Form extends z.ZodType>(form: Form, plain: Buffer | undefined): z.output<Form> | undefined {
  try {
    return form.parse(JSON.parse(plain?.toString() ?? ''));
  } catch {
    return undefined;
  }
}

type Purge = z.output<typeof purgeForm>;
const scopeOf = ({ project, operation }: Purge): PurgeScope => ({
  ...(project === undefined ? {} : { project }),
  ...(operation === undefined ? {} : { operation }),
});

/**
 * Purges have numbers, given by the engine: a value says which one it has outlived. Each gateway asks every now and then, and whenever it is
 * poked, for those it has not heard of. The engine may forget everything at any time: then whoever comes first begins again where it was,
 * and all tell their latest purges once more. The namespace is the origin's, so that gateways in front of one Atlas find each other.
 */
export function createSharedGroup(
  { namespace }: { namespace: string },
  {
    engine,
    seal,
    budget,
    clock,
    random,
    handlers,
  }: {
    engine: SharedEngine;
    seal: Seal;
    budget: BudgetShare;
    clock: Clock;
    random: Random;
    handlers: SharedHandlers;
  },
): SharedGroup {
  const space = createHash('sha256').update(namespace).digest('base64url').slice(0, NAME_LENGTH);
  const keyOf = (part: string) => `agw1:{${space}}:${part}`;
  const channel = `agw1:${space}`;
  const [control, log, newsKey, lasting] = [
    keyOf('control'),
    keyOf('purges'),
    keyOf('news'),
    keyOf('lasting'),
  ];
  const scripts = {
    join: createScript(JOIN),
    renew: createScript(RENEW),
    reseal: createScript(RESEAL),
    announce: createScript(ANNOUNCE),
    exchange: createScript(EXCHANGE),
    lasting: createScript(LASTING_ONES),
  };
  const self = random.bytes(9).toString('base64url');
  let secret: { readonly id: string; readonly names: Buffer; readonly sealed: Buffer } | undefined;
  let run: Buffer | undefined;
  let broken = Buffer.alloc(0);
  let book = createPurges(10_000);
  let floor = 0;
  let newsHeard = 0;
  let joinedAt = Number.NEGATIVE_INFINITY;
  let joining: Promise<void> | undefined;
  let poked = false;
  let closed = false;
  /** Own purges that have not come back yet, by id; `sent`: the engine has them. */
  const unconfirmed = new Map<string, { purge: Purge; sent: boolean }>();
  const recent: { purge: Purge; at: number }[] = [];
  let unsaid: { news: string; until: number | undefined }[] = [];
  let exchanging = false;

  const createSecret = () => ({
    id: random.bytes(9).toString('base64url'),
    names: random.bytes(32).toString('base64url'),
  });
  const sealed = (place: string, value: unknown) => seal.seal(place, Buffer.from(JSON.stringify(value)));
  const isDue = () => clock.now() - joinedAt > BELIEVED_MS;

  async function join(): Promise<void> {
    const proposal = secret?.sealed ?? (await sealed(control, createSecret()));
    const reply = await engine.run({
      operation: 'join',
      script: scripts.join,
      keys: [control, log, newsKey],
      args: [
        seal.keyIds.current,
        seal.keyIds.previous ?? '',
        proposal,
        random.bytes(9).toString('base64url'),
        secret === undefined ? -1 : book.sequence,
        secret === undefined ? -1 : newsHeard,
        broken,
      ],
    });
    const read = joinReply.safeParse(reply);
    if (!read.success) return;
    const [field, found, foundRun, sequence, told, purges, news] = read.data;
    const opened =
      secret?.sealed.equals(found) === true
        ? { id: secret.id, names: secret.names.toString('base64url') }
        : readJson(secretForm, await seal.open(control, found));
    if (opened === undefined) {
      // Damaged: replaced at the next turn.
      broken = Buffer.from(found);
      poked = true;
      return;
    }
    if (field.toString() !== seal.keyIds.current) {
      await engine.run({
        operation: 'join',
        script: scripts.reseal,
        keys: [control],
        args: [seal.keyIds.current, await sealed(control, opened)],
      });
    }
    const first = secret === undefined;
    if (!first && sequence < book.sequence) {
      await engine.run({
        operation: 'join',
        script: scripts.renew,
        keys: [control],
        args: [foundRun, random.bytes(9).toString('base64url'), book.sequence],
      });
      poked = true;
      return;
    }
    const lost = !first && (opened.id !== secret?.id || run?.equals(foundRun) !== true);
    secret = { id: opened.id, names: Buffer.from(opened.names, 'base64url'), sealed: found };
    run = foundRun;
    await learnPurges(sequence, purges, { first });
    await learnNews(told, first ? [] : news, { missed: first || lost });
    if (lost) {
      if (clock.now() - joinedAt > RECENT_MS) handlers.onDoubt();
      const since = clock.now() - RECENT_MS;
      for (const { purge, at } of recent) if (at >= since) unconfirmed.set(purge.id, { purge, sent: false });
    }
    joinedAt = clock.now();
    await sendPurges();
  }

  /** `entries`: the latest first. What cannot be read may have been about anything. */
  async function learnPurges(
    sequence: number,
    entries: readonly Buffer[],
    { first }: { first: boolean },
  ): Promise<void> {
    const heard = await Promise.all(
      entries.toReversed().map(async (entry) => readJson(purgeForm, await seal.open(log, entry))),
    );
    const missed = !first && entries.length < sequence - book.sequence;
    if (first || missed) {
      floor = sequence - entries.length;
      book = createPurges(10_000, floor);
    }
    for (const purge of heard) {
      book.add(purge === undefined ? {} : scopeOf(purge));
      const own = purge !== undefined && recent.some(({ purge: { id } }) => id === purge.id);
      if (purge !== undefined) unconfirmed.delete(purge.id);
      if (first || missed || own) continue;
      handlers.onPurge({ ...(purge === undefined ? {} : scopeOf(purge)), soft: purge?.soft ?? false });
    }
    if (missed) handlers.onGap();
    // Sent, and yet not among those that came: it was lost.
    for (const waiting of unconfirmed.values()) waiting.sent = false;
  }

  async function learnNews(
    told: number,
    entries: readonly Buffer[],
    known: { missed: boolean },
  ): Promise<void> {
    const missed = known.missed || entries.length < told - newsHeard;
    newsHeard = told;
    for (const entry of entries.toReversed()) {
      const heard = readJson(newsForm, await seal.open(newsKey, entry));
      if (heard === undefined || heard.from === self) continue;
      for (const news of heard.news) handlers.onNews(news);
    }
    if (!missed) return;
    handlers.onMissedNews();
    const reply = await engine.run({
      operation: 'join',
      script: scripts.lasting,
      keys: [lasting],
      args: [],
    });
    if (!Array.isArray(reply)) return;
    for (const one of reply) {
      const heard = Buffer.isBuffer(one) ? await seal.open(lasting, one) : undefined;
      if (heard !== undefined) handlers.onNews(heard.toString());
    }
  }

  async function sendPurges(): Promise<void> {
    for (const waiting of unconfirmed.values()) {
      if (waiting.sent) continue;
      const reply = await engine.run({
        operation: 'announce',
        script: scripts.announce,
        keys: [control, log],
        args: [await sealed(log, waiting.purge), channel],
      });
      if (reply === undefined) return;
      waiting.sent = true;
      poked = true;
    }
  }

  function synchronize(): Promise<void> {
    joining ??= join().finally(() => {
      joining = undefined;
      if (!poked || closed || !engine.connected) return;
      poked = false;
      void synchronize();
    });
    return joining;
  }

  /** What was heard while it was under way may be younger than what it has read: once more. */
  function poke(): void {
    if (closed) return;
    if (joining === undefined) void synchronize();
    else poked = true;
  }

  async function exchange(): Promise<void> {
    if (exchanging || secret === undefined) return;
    const accounts = budget.take();
    if (unsaid.length === 0 && accounts.length === 0) return;
    exchanging = true;
    const said = unsaid;
    unsaid = [];
    const lastingArgs: (string | number | Buffer)[] = [];
    for (const { news, until } of said)
      if (until !== undefined) lastingArgs.push(await seal.seal(lasting, Buffer.from(news)), until);
    const told =
      said.length === 0 ? '' : await sealed(newsKey, { from: self, news: said.map(({ news }) => news) });
    const reply = await engine.run({
      operation: 'exchange',
      script: scripts.exchange,
      keys: [
        control,
        newsKey,
        lasting,
        ...accounts.map(({ key }) => keyOf(`budget:${nameOf('budget', key)}`)),
      ],
      args: [
        channel,
        lastingArgs.length / 2,
        ...lastingArgs,
        told,
        ...accounts.flatMap(({ drawn, ceiling, pauseMs, size: { capacity, refill, perMs } }) => [
          drawn,
          ceiling ?? '',
          pauseMs,
          capacity,
          refill,
          perMs,
        ]),
      ],
    });
    exchanging = false;
    if (!Array.isArray(reply)) {
      budget.giveUp(accounts);
      unsaid = [...said, ...unsaid].slice(-MAX_NEWS);
      return;
    }
    budget.settle(
      accounts.map(({ key }, index) => ({
        key,
        tokens: Number(String(reply[2 * index])),
        pauseMs: Number(reply[2 * index + 1]),
      })),
    );
  }

  function nameOf(kind: string, ...parts: readonly string[]): string | undefined {
    if (secret === undefined) return undefined;
    return createHmac('sha256', secret.names)
      .update(JSON.stringify([kind, ...parts]))
      .digest('base64url')
      .slice(0, NAME_LENGTH);
  }

  function every(ms: number, act: () => Promise<void>): void {
    clock.after(ms, () => {
      if (closed) return;
      void act().finally(() => every(ms, act));
    });
  }

  return {
    channel,
    async open() {
      engine.open(channel, (message) => {
        if (message === '') poke();
        else handlers.onChange(message);
      });
      every(SYNC_MS, synchronize);
      every(EXCHANGE_MS, exchange);
      const until = clock.now() + LONGEST_JOIN_MS;
      while (secret === undefined && clock.now() < until) {
        if (engine.connected) await synchronize();
        if (secret === undefined) await new Promise<void>((resolve) => void clock.after(20, resolve));
      }
    },
    async close() {
      await exchange();
      closed = true;
      await engine.close();
    },
    nameOf,
    get sequence() {
      return book.sequence;
    },
    async upToDate() {
      if (secret === undefined || !engine.connected) return false;
      // An own purge takes two turns: one that tells it, and one in which it comes back. One that is under way may be past telling.
      const turns = joining !== undefined && unconfirmed.size > 0 ? 3 : 2;
      for (let turn = 0; turn < turns && (isDue() || unconfirmed.size > 0); turn++) await synchronize();
      return !isDue() && unconfirmed.size === 0;
    },
    covers: (project, operation, sequence) => sequence < floor || book.covers(project, operation, sequence),
    announcePurge({ project, operation, soft }) {
      const purge = {
        id: random.bytes(9).toString('base64url'),
        ...(project === undefined ? {} : { project }),
        ...(operation === undefined ? {} : { operation }),
        soft,
      };
      // More than can be remembered at once become one of everything.
      const tooMany = unconfirmed.size >= MAX_RECENT;
      if (tooMany) unconfirmed.clear();
      const said = tooMany ? { id: purge.id, soft: false } : purge;
      recent.push({ purge: said, at: clock.now() });
      if (recent.length > MAX_RECENT) recent.shift();
      unconfirmed.set(said.id, { purge: said, sent: false });
      poke();
    },
    tell(news, until) {
      if (unsaid.length >= MAX_NEWS) unsaid.shift();
      unsaid.push({ news, until });
    },
  };
}
