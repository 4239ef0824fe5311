-- Extends the lease of a turn, or releases the turn.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms    ARGV[2] user_id
--   ARGV[3] token of the turn    ARGV[4] lease in ms, or 0 to release the turn
-- Output
--   {'renewed'} | {'released'} | {'not_found'} | {'turn_lost'}

local token, lease = ARGV[3], tonumber(ARGV[4])

if redis.call('EXISTS', RECORD) == 0 then
  return {'not_found'}
end
if redis.call('HGET', RECORD, 'turn_token') ~= token then
  return {'turn_lost'}
end
if lease == 0 then
  redis.call('HDEL', RECORD, 'turn_token', 'turn_until')
  return {'released'}
end
redis.call('HSET', RECORD, 'turn_until', now_ms() + lease)
return {'renewed'}
