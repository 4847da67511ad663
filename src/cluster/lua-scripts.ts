import { createHash } from 'node:crypto';
import { STAMP_BYTES } from '../lib/sealed-box.ts';
import { LONGEST_PAUSE_MS, MAX_COUNT } from './wire-schemas.ts';

/** A Lua script that the engine runs atomically. All keys of one call must be in the same cluster hash slot. */
export interface Script {
  readonly source: string;
  /** Names the script once the engine has seen its source. */
  readonly sha: string;
}

export const createScript = (source: string): Script => ({
  source,
  sha: createHash('sha1').update(source).digest('hex'),
});

/** Length of the purge log and of the broadcast log. */
export const LOG_ENTRIES = 1_000;
const LOG_TTL_MS = 7 * 24 * 3_600_000;
/** Maximum digits of a valid counter; see `MAX_COUNT`. */
const COUNT_DIGITS = String(MAX_COUNT).length;

/** A value of another type under one of the keys, written by another program, would make every later call fail, so it is deleted. */
const KEEP_TYPE = `
local function keepType(key, kind)
  local found = redis.call('TYPE', key).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', key) end
end`;

/**
 * A counter that is not a number of plausible size counts as lost: the group continues from the state of the first gateway that notices.
 */
const JOIN = `${KEEP_TYPE}
local control, log, news = KEYS[1], KEYS[2], KEYS[3]
keepType(control, 'hash')
keepType(log, 'list')
keepType(news, 'list')
local function readCount(name)
  local text = redis.call('HGET', control, name) or ''
  local isCount = text == '0' or string.find(text, '^[1-9]%d*$')
  if isCount and #text <= ${COUNT_DIGITS} then return tonumber(text) end
end
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
local sequence, offset = readCount('sequence'), readCount('news')
if not redis.call('HGET', control, 'run') or not sequence or not offset then
  sequence, offset = math.max(0, ARGV[5]), math.max(0, ARGV[6])
  redis.call('HSET', control, 'run', ARGV[4], 'sequence', sequence, 'news', offset)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ${LOG_TTL_MS}) end
local function since(list, behind)
  if behind <= 0 then return {} end
  return redis.call('LRANGE', list, 0, math.min(behind, ${LOG_ENTRIES}) - 1)
end
return {field, sealed, redis.call('HGET', control, 'run'), sequence, offset,
  since(log, sequence - tonumber(ARGV[5])), since(news, offset - tonumber(ARGV[6]))}`;

/** Starts a new run after the engine came back with an older state: a sequence number must never be issued twice. */
const RENEW = `
if redis.call('HGET', KEYS[1], 'run') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'run', ARGV[2], 'sequence', ARGV[3], 'news', ARGV[4])
return 1`;

const RESEAL = `return redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])`;

const ANNOUNCE = `
local sequence = redis.call('HINCRBY', KEYS[1], 'sequence', 1)
redis.call('LPUSH', KEYS[2], ARGV[1])
redis.call('LTRIM', KEYS[2], 0, ${LOG_ENTRIES - 1})
redis.call('PUBLISH', ARGV[2], '')
return sequence`;

/**
 * Stores news, lasting news and rate-limit usage. Each bucket is refilled on the engine's clock, reduced by the tokens drawn, and capped at
 * the level that Atlas last reported.
 */
const EXCHANGE = `${KEEP_TYPE}
local control, news, lasting = KEYS[1], KEYS[2], KEYS[3]
keepType(lasting, 'zset')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local count = tonumber(ARGV[2])
if count > 0 then
  redis.call('ZREMRANGEBYSCORE', lasting, '-inf', now - 60000)
  for i = 1, count do redis.call('ZADD', lasting, ARGV[2 + 2 * i], ARGV[1 + 2 * i]) end
  redis.call('PEXPIRE', lasting, ${LOG_TTL_MS})
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
  keepType(KEYS[i], 'hash')
  local stored = redis.call('HMGET', KEYS[i], 'tokens', 'at', 'paused')
  local tokens, level, filledAt = tonumber(capacity), tonumber(stored[1] or ''), tonumber(stored[2] or '')
  if level and filledAt then
    level = math.max(-tokens, level)
    tokens = math.min(tokens, level + math.max(0, now - filledAt) * refill / per)
  end
  tokens = tokens - drawn
  if ceiling ~= '' then tokens = math.min(tokens, tonumber(ceiling)) end
  local paused = math.min(now + ${LONGEST_PAUSE_MS}, tonumber(stored[3] or '') or 0)
  if tonumber(pause) > 0 then paused = math.max(paused, now + pause) end
  redis.call('HSET', KEYS[i], 'tokens', tostring(tokens), 'at', now, 'paused', paused)
  redis.call('PEXPIRE', KEYS[i], math.ceil(per * capacity / refill) + 600000)
  levels[#levels + 1] = tostring(tokens)
  levels[#levels + 1] = math.max(0, paused - now)
end
return levels`;

const READ_LASTING = `${KEEP_TYPE}
keepType(KEYS[1], 'zset')
return redis.call('ZRANGE', KEYS[1], 0, -1)`;

/** The Lua scripts of the group; the engine runs each of them atomically. */
export const createGroupScripts = () => ({
  join: createScript(JOIN),
  renew: createScript(RENEW),
  reseal: createScript(RESEAL),
  announce: createScript(ANNOUNCE),
  exchange: createScript(EXCHANGE),
  lasting: createScript(READ_LASTING),
});

export type GroupScripts = ReturnType<typeof createGroupScripts>;

/**
 * Returns a value other than the known one, else acquires the lease, else returns the remaining time of another gateway's lease. An engine
 * that is out of memory still answers reads. No gateway writes a lease longer than `ARGV[2]` or a value of another type: a longer lease is
 * shortened, a value of another type is deleted.
 */
const READ_OR_LEASE = `
local stamp = redis.pcall('GETRANGE', KEYS[1], 0, ${STAMP_BYTES - 1})
if type(stamp) == 'table' then
  redis.call('DEL', KEYS[1])
  stamp = ''
end
if stamp ~= '' and stamp ~= ARGV[3] then return {redis.call('GET', KEYS[1])} end
if ARGV[2] == '0' then return {} end
local acquired = redis.pcall('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
if type(acquired) == 'table' and acquired.err then return {} end
if acquired then return {false, 1} end
local longest, leaseMs = tonumber(ARGV[2]), redis.call('PTTL', KEYS[2])
if leaseMs < 0 or leaseMs > longest then
  redis.call('PEXPIRE', KEYS[2], longest)
  leaseMs = longest
end
return {false, 0, leaseMs}`;

const RENEW_LEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

/** Stores the value unless another gateway holds the lease: its result will be newer. */
const PUBLISH = `
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if owner then redis.call('DEL', KEYS[2]) end
redis.call('PUBLISH', ARGV[4], ARGV[5])
return 1`;

const RELEASE = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
redis.call('PUBLISH', ARGV[2], ARGV[3])
return 1`;

/** Deletes the value only if it still has the given stamp; an empty stamp deletes unconditionally. */
const DISCARD = `
if ARGV[1] ~= '' and redis.call('GETRANGE', KEYS[1], 0, ${STAMP_BYTES - 1}) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;

/** The Lua scripts of the sealed store; the engine runs each of them atomically. */
export const createValueScripts = () => ({
  readOrLease: createScript(READ_OR_LEASE),
  renew: createScript(RENEW_LEASE),
  publish: createScript(PUBLISH),
  release: createScript(RELEASE),
  discard: createScript(DISCARD),
});
