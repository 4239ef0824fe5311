-- Extends the lease of a turn, or ends it. ARGV: 2 user_id, 3 the turn's token, 4 the lease in ms or 0 to end it.
-- Answers {word}.

if redis.call('EXISTS', KEYS[1]) == 0 then
  return {'not_found'}
end
if redis.call('HGET', KEYS[1], 'turn_token') ~= ARGV[3] then
  return {'turn_lost'}
end
if ARGV[4] == '0' then
  redis.call('HDEL', KEYS[1], 'turn_token', 'turn_until')
  return {'given_back'}
end
redis.call('HSET', KEYS[1], 'turn_until', now_ms() + tonumber(ARGV[4]))
return {'renewed'}
