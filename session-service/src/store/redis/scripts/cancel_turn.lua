-- Requests the end of the running turn. The process that runs it reads the request with its next flush.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms    ARGV[2] user_id
--   ARGV[3] request id of the turn, or '' for any
-- Output
--   {'cancelled', token of the turn} | {'no_turn'} | {'not_found'}

local fields = redis.call('HMGET', RECORD, 'turn_token', 'turn_until', 'turn_request', 'created_at')
local token, lease_end, request_id = fields[1], whole(fields[2]), fields[3]
if not fields[4] then
  return {'not_found'}
end
-- A turn of an older version, which has no request id, would not read the request.
if not (token and lease_end and request_id) or lease_end <= now_ms() or ARGV[3] ~= '' and ARGV[3] ~= request_id then
  return {'no_turn'}
end
-- A write that needs no memory comes first, so that a full Redis runs the script.
redis.call('HDEL', RECORD, 'turn_cancelled')
redis.call('HSET', RECORD, 'turn_cancelled', token)
return {'cancelled', token}
