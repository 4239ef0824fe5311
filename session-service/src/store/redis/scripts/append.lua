-- Adds messages to a live session. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash of the request id or
-- "", 6 the fingerprint of the messages, 7 how many requests are remembered, 8 to the last but one each message up to
-- its timestamp.
-- Answers {word, session, first seq, the messages when they are replayed}.

local user_id, most, key, fingerprint, remembered = ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local messages = {}
for i = 8, #ARGV - 1 do
  messages[#messages + 1] = ARGV[i]
end

local record = redis.call('HMGET', KEYS[1], 'message_count', 'requests')
local count = tonumber(record[1] or nil)
if not count then
  return {'not_found'}
end

local requests = record[2] or ''
local at = key ~= '' and find_request(requests, key)
if at then
  local known = read_request(requests, at)
  if known.fingerprint ~= fingerprint then
    return {'request_id_reused'}
  end
  slide(user_id, now_ms())
  return {'replayed', session(), known.first,
    redis.call('LRANGE', KEYS[2], known.first - 1, known.first + known.count - 2)}
end

if count + #messages > most then
  return {'full'}
end
push(messages, count, slide(user_id, now_ms()))
if key ~= '' then
  remember_request(requests, key, fingerprint, count + 1, #messages, remembered)
end
return {'appended', session(), count + 1}
