-- Gives a change of a session its moment and puts the session's place accordingly, before the session itself is changed
-- on another node. KEYS: 1 index, 2 moves, 3 listing. ARGV: 3 user_id, 4 "known" to leave a session without a place
-- without one, or "any", 5 the most sessions of the owner or "".
-- Answers {word, moment, the score that the place had before or false}.

local user_id, now = ARGV[3], now_ms()
redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)
local before = tonumber(redis.call('ZSCORE', INDEX, user_id) or nil)
if not before then
  if ARGV[4] == 'known' then
    return {'absent', now, false}
  end
  if ARGV[5] ~= '' and redis.call('ZCARD', INDEX) >= tonumber(ARGV[5]) then
    return {'too_many_sessions'}
  end
end

-- No two changes leave the same score, so that a place can be removed for what it was.
local ttl = tonumber(ARGV[1])
if before and before >= now + ttl and before < now + ttl + 1000 then
  now = before - ttl + 1
end
return {'placed', move(user_id, now), before or false}
