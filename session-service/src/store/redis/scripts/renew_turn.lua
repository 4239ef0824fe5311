-- Extends the lease of a turn.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms    ARGV[2] user_id
--   ARGV[3] token of the turn    ARGV[4] lease in ms
-- Output
--   {'renewed'} | {'not_found'} | {'turn_lost'}

local token, lease = ARGV[3], tonumber(ARGV[4])

if redis.call('EXISTS', RECORD) == 0 then
  return {'not_found'}
end
if redis.call('HGET', RECORD, 'turn_token') ~= token then
  return {'turn_lost'}
end
redis.call('HSET', RECORD, 'turn_until', text(now_ms() + lease))
return {'renewed'}
