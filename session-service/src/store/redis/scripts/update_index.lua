-- Cluster only: issues the timestamp of a session's change and updates its index entry, before the session itself is
-- changed on another node.
--
-- Input
--   KEYS    list script
--   ARGV[1] session TTL in ms
--   ARGV[2] user_id
--   ARGV[3] 'existing' to leave a session without an index entry as it is, or 'insert'
--   ARGV[4] maximum number of the owner's sessions, or ''
-- Output
--   {'updated', timestamp, previous score or false} | {'missing', timestamp, false} | {'too_many_sessions'}

local user_id, policy, session_limit = ARGV[2], ARGV[3], ARGV[4]

-- Two changes of one owner never have the same microsecond, so an entry can be reverted by its score.
local time = redis.call('TIME')
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local previous = index_score(user_id)
previous = previous and previous >= now and previous
if not previous then
  if policy == 'existing' then
    return {'missing', string.format('%.3f', micros / 1000), false}
  end
  if session_limit ~= '' and redis.call('ZCOUNT', INDEX, now, '+inf') >= tonumber(session_limit) then
    return {'too_many_sessions'}
  end
end

-- Later changes have later timestamps even if the clock was set back.
local earliest = previous and (previous - TTL) * 1000 + 1 or 0
if earliest > micros and earliest < micros + 1000000 then
  micros = earliest
end
-- The first write must need memory, because it decides whether a full Redis runs the script at all.
local timestamp = timestamp_after_listings(user_id, math.floor(micros / 1000)) + micros % 1000 / 1000
put_index_entry(user_id, score_for(timestamp), text(math.ceil(timestamp) + TTL), math.ceil(timestamp) + TTL - now)
redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)
return {'updated', string.format('%.3f', timestamp), previous and string.format('%.3f', previous) or false}
