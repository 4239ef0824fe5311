-- Adds messages to a live session. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash of the request id or
-- "", 6 the fingerprint of the messages, 7 how many requests are remembered, 8... each message up to its timestamp.
-- Answers {word, session, first seq, the messages when they are replayed}.
--
-- The field "requests" remembers appends, the oldest first, in entries of one width: hash, fingerprint, first seq as
-- 5 digits, count as 3 digits.

local user_id, most, key, fingerprint, remembered = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local FIRST_MESSAGE = 8
local HASH = #fingerprint
local WIDTH = 2 * HASH + 8

local function find(requests)
  local at = string.find(requests, key, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do
    at = string.find(requests, key, at + 1, true)
  end
  return at and string.sub(requests, at, at + WIDTH - 1)
end

local record = redis.call('HMGET', KEYS[1], 'message_count', 'requests')
local count = tonumber(record[1] or nil)
if not count then
  return {'not_found'}
end

local requests = record[2] or ''
local known = key ~= '' and find(requests)
if known then
  if string.sub(known, HASH + 1, 2 * HASH) ~= fingerprint then
    return {'request_id_reused'}
  end
  local first = tonumber(string.sub(known, 2 * HASH + 1, 2 * HASH + 5))
  local last = first + tonumber(string.sub(known, 2 * HASH + 6)) - 1
  slide(user_id, now_ms())
  return {'replayed', session(), first, redis.call('LRANGE', KEYS[2], first - 1, last - 1)}
end

local added = #ARGV - FIRST_MESSAGE + 1
if count + added > most then
  return {'full'}
end

-- The moment is known before the messages are written: slide() gives a history that is there its expiry, and the
-- one that this push makes gets it below.
local moment = slide(user_id, now_ms())
local messages = {}
for i = FIRST_MESSAGE, #ARGV do
  messages[#messages + 1] = ARGV[i] .. moment .. '}'
end
redis.call('RPUSH', KEYS[2], unpack(messages))
if count == 0 then
  redis.call('PEXPIREAT', KEYS[2], moment + tonumber(ARGV[1]))
end
redis.call('HSET', KEYS[1], 'message_count', count + added)
if key ~= '' then
  requests = requests .. key .. fingerprint .. string.format('%05d%03d', count + 1, added)
  redis.call('HSET', KEYS[1], 'requests', string.sub(requests, -remembered * WIDTH))
end
return {'appended', session(), count + 1}
