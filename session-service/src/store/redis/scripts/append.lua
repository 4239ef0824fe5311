-- Adds messages to a live session. ARGV: 2 user_id, 3 how many messages, 4 the hash of the request id or "", 5 the
-- fingerprint of the messages, 6 on each message up to its timestamp.
-- Answers {word, session, first seq, the messages when they are replayed}.

local count, key, fingerprint = tonumber(ARGV[3]), ARGV[4], ARGV[5]

local record = read('recent_requests')
if not record then
  return {'not_found'}
end
check_messages(record)
local requests, first = known_requests(record[7]), record[5] + 1
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

if record[5] + count > MESSAGES_MAX then
  return {'full'}
end
slide(record, now_ms())
push(record, 6, count)
if key ~= '' then
  save(record, 'recent_requests', remember_request(requests, key, fingerprint, first, count))
else
  save(record)
end
return {'appended', session(record), first}
