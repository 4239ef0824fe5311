-- Checks that a session's record and messages are consistent, and repairs them.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms   ARGV[2] 'repair' or ''
-- Output
--   {'checked', expiry or false if the session is not live, inconsistencies} | {'corrupt'}

local repair, found = ARGV[2] == 'repair', {}

local is_readable, record = pcall(read_record)
if not is_readable then
  return {'corrupt'}
end
local expires_at = record and record.last_activity + (record.ttl or IMPLICIT_TTL)
if redis.call('EXISTS', TURN_TEXT) == 1 and not (expires_at and redis.call('HGET', RECORD, 'turn_token')) then
  found[#found + 1] = 'there is the text of a turn, and no turn is running'
  if repair then
    redis.call('DEL', TURN_TEXT)
  end
end
local length = try('LLEN', HISTORY)
if length == WRONG_TYPE then
  if expires_at then
    return {'corrupt'}
  end
  length = 1
end

if not expires_at then
  if length > 0 then
    found[#found + 1] = length .. ' messages without a session'
    if repair then
      redis.call('DEL', HISTORY)
    end
  end
  return {'checked', false, found}
end

if record.message_count ~= length then
  found[#found + 1] = 'message_count is ' .. record.message_count .. ', and there are ' .. length .. ' messages'
  if repair then
    redis.call('HSET', RECORD, 'message_count', length)
  end
end
local left = expires_at - now_ms()
for i, key in ipairs({RECORD, length > 0 and HISTORY or nil}) do
  -- Some milliseconds pass during the check.
  if math.abs(redis.call('PTTL', key) - left) > 50 then
    found[#found + 1] = (i == 1 and 'the record' or 'the messages') .. ' would not expire with the session'
    if repair then
      redis.call('PEXPIREAT', key, expires_at)
    end
  end
end
return {'checked', expires_at, found}
