-- Adds messages to a live session. ARGV: 3 user_id, 4 the most messages of a session, 5 the hash of the request id or
-- "", 6 the fingerprint of the messages, 7 how many requests are remembered, 8 to the last but one each message up to
-- its timestamp.
-- Answers {word, session, first seq, the messages when they are replayed}.

local most, key, fingerprint, remembered = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local messages = {}
for i = 8, #ARGV - 1 do
  messages[#messages + 1] = ARGV[i]
end

local record = read('requests')
if not record then
  return {'not_found'}
end
local requests, first = record[7] or '', record[5] + 1
local at = key ~= '' and find_request(requests, key)
if at then
  local known = read_request(requests, at)
  if known.fingerprint ~= fingerprint then
    return {'request_id_reused'}
  end
  slide(record, now_ms())
  save(record)
  return {'replayed', session(record), known.first,
    redis.call('LRANGE', KEYS[2], known.first - 1, known.first + known.count - 2)}
end

if record[5] + #messages > most then
  return {'full'}
end
slide(record, now_ms())
push(record, messages)
if key ~= '' then
  save(record, 'requests', remember_request(requests, key, fingerprint, first, #messages, remembered))
else
  save(record)
end
return {'appended', session(record), first}
