-- Appends messages to a live session, at most once per request id.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms                ARGV[2] user_id
--   ARGV[3] number of messages               ARGV[4] digest of the request id, or ''
--   ARGV[5] fingerprint of the batch, or ''  ARGV[6] preview of the last message
--   ARGV[7..] messages, encoded up to their timestamp
-- Output
--   {'appended', session, first_seq} | {'replayed', session, first_seq, messages}
--   {'not_found'} | {'request_id_reused'} | {'session_full'}

local count, digest, fingerprint = tonumber(ARGV[3]), ARGV[4], ARGV[5]

local record = read_record('recent_requests')
if not record then
  return {'not_found'}
end
check_message_count(record)

local requests = check_requests(record.recent_requests)
local previous = find_request(requests, digest)
if previous then
  if previous.fingerprint ~= fingerprint then
    return {'request_id_reused'}
  end
  bump_expiry(record, now_ms())
  save(record)
  return {'replayed', render(record), previous.first_seq, read_messages(previous.first_seq, previous.count)}
end

if record.message_count + count > MAX_MESSAGES then
  return {'session_full'}
end
local first_seq = record.message_count + 1
bump_expiry(record, now_ms())
push_messages(record, 7, count, ARGV[6])
if digest ~= '' then
  save(record, 'preview', record.preview, 'recent_requests',
    add_request(requests, digest, fingerprint, first_seq, count))
else
  save(record, 'preview', record.preview)
end
return {'appended', render(record), first_seq}
