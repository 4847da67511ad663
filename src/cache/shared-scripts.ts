import { createScript } from './shared-engine.ts';

const LOG_ENTRIES = 1_000;
const LASTING = 20_000;
const KEPT_MS = 7 * 24 * 3_600_000;

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

/** What a group runs in its engine: each a step that nothing comes between. */
export const createGroupScripts = () => ({
  join: createScript(JOIN),
  renew: createScript(RENEW),
  reseal: createScript(RESEAL),
  announce: createScript(ANNOUNCE),
  exchange: createScript(EXCHANGE),
  lasting: createScript(LASTING_ONES),
});

export type GroupScripts = ReturnType<typeof createGroupScripts>;
