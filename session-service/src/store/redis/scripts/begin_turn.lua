-- Stores the user's message of a turn, at most once per request id, and acquires the session's turn.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms            ARGV[2] user_id
--   ARGV[3] digest of the request id     ARGV[4] fingerprint of the message
--   ARGV[5] token of the turn            ARGV[6] lease in ms, or 0 to acquire no turn
--   ARGV[7] message, encoded up to its timestamp
--   ARGV[8] request id                   ARGV[9] preview of the message
-- Output
--   {'acquired', session, seq} | {'message_replayed', session, seq, {message}}
--   {'reply_replayed', session, seq, {message}, reply_seq, {reply}}: no turn is acquired
--   {'running', session, seq, {message}, token}: a turn of this request is running
--   {'no_reply'}: no turn was requested, and one could be acquired
--   {'turn_in_progress', remaining lease in ms}
--   {'not_found'} | {'request_id_reused'} | {'session_full'}

-- Maximum lease of all versions, in ms.
local MAX_LEASE = 600000

local digest, fingerprint, token, lease, request_id = ARGV[3], ARGV[4], ARGV[5], tonumber(ARGV[6]), ARGV[8]

local record = read_record('recent_requests', 'turn_until', 'turn_token', 'turn_request')
if not record then
  return {'not_found'}
end
check_message_count(record)

local now = now_ms()
local requests = check_requests(record.recent_requests)
local previous = find_request(requests, digest)
if previous and (previous.fingerprint ~= fingerprint or previous.count ~= 1) then
  return {'request_id_reused'}
end
if previous and previous.reply_seq > 0 then
  bump_expiry(record, now)
  save(record)
  return {'reply_replayed', render(record), previous.first_seq, read_messages(previous.first_seq, 1),
    previous.reply_seq, read_messages(previous.reply_seq, 1)}
end

local lease_end = whole(record.turn_until)
-- A lease that ends later than any version allows is foreign data.
if lease_end and lease_end > now and lease_end < now + math.max(lease, MAX_LEASE) then
  if previous and record.turn_token and record.turn_request == request_id then
    return {'running', render(record), previous.first_seq, read_messages(previous.first_seq, 1), record.turn_token}
  end
  return {'turn_in_progress', lease_end - now}
end
-- The reply needs room, too.
if record.message_count + (previous and 1 or 2) > MAX_MESSAGES then
  return {'session_full'}
end
if lease == 0 then
  return {'no_reply'}
end

-- Writes the record with the turn and further fields. The text of a turn whose lease ended may be left; without the field
-- turn_text it is not read.
local function save_turn(record, ...)
  save(record, 'turn_token', token, 'turn_until', text(now + lease), 'turn_seq', text(record.message_count + 1),
    'turn_request', request_id, ...)
  redis.call('HDEL', RECORD, 'turn_text')
  if TURN_TEXT then
    redis.call('DEL', TURN_TEXT)
  end
end

bump_expiry(record, now)
if previous then
  save_turn(record)
  return {'message_replayed', render(record), previous.first_seq, read_messages(previous.first_seq, 1)}
end
push_messages(record, 7, 1, ARGV[9])
local seq = record.message_count
save_turn(record, 'preview', record.preview, 'recent_requests',
  add_request(requests, digest, fingerprint, seq, 1))
return {'acquired', render(record), seq}
