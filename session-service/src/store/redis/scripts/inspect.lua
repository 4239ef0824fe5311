-- Looks whether a session's record and messages agree, and mends them. KEYS: 1 record, 2 history. ARGV: 2 "repair" or "".
-- Returns {status, the session's expiry or false when it is not live, what is wrong}, or {"damaged"}.

local repair, wrong = ARGV[2] == 'repair', {}
local is_whole, record = pcall(read)
if not is_whole then
  return {'damaged'}
end
local expires_at = record and record[3] + (record[4] or HOUR)
local length = try('LLEN', KEYS[2])
if length == WRONG_TYPE then
  if expires_at then
    return {'damaged'}
  end
  length = 1
end

if not expires_at then
  if length > 0 then
    wrong[1] = length .. ' messages without a session'
    if repair then
      redis.call('DEL', KEYS[2])
    end
  end
  return {'inspected', false, wrong}
end

if record[5] ~= length then
  wrong[#wrong + 1] = 'message_count is ' .. record[5] .. ' and there are ' .. length .. ' messages'
  if repair then
    redis.call('HSET', KEYS[1], 'message_count', length)
  end
end
local left = expires_at - now_ms()
for i = 1, length > 0 and 2 or 1 do
  -- Some milliseconds pass while this is read.
  if math.abs(redis.call('PTTL', KEYS[i]) - left) > 50 then
    wrong[#wrong + 1] = (i == 1 and 'the record' or 'the messages') .. ' would not end with the session'
    if repair then
      redis.call('PEXPIREAT', KEYS[i], expires_at)
    end
  end
end
return {'inspected', expires_at, wrong}
