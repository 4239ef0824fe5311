-- Gives a change of a session its moment and puts the session's place accordingly, before the session itself is changed
-- on another node. KEYS: 1 index, 2 moves, 3 listing, 4 queue. ARGV: 2 user_id, 3 "known" to leave a session without a place
-- without one, or "any", 4 the most sessions of the owner or "".
-- Answers {word, moment, the score that the place had before or false}.

local user_id = ARGV[2]
local time = redis.call('TIME')
-- Two changes of one owner never begin in the same microsecond, so a place can be removed for what it was.
local micros = time[1] * 1000000 + time[2]
local now = math.floor(micros / 1000)
local before = tonumber(redis.call('ZSCORE', INDEX, user_id) or nil)
before = before and before >= now and before
if not before then
  if ARGV[3] == 'known' then
    return {'absent', string.format('%.3f', micros / 1000), false}
  end
  if ARGV[4] ~= '' and redis.call('ZCOUNT', INDEX, now, '+inf') >= tonumber(ARGV[4]) then
    return {'too_many_sessions'}
  end
end

-- A clock that was set back gives later changes later moments all the same.
local earliest = before and (before - TTL) * 1000 + 1 or 0
if earliest > micros and earliest < micros + 1000000 then
  micros = earliest
end
-- The first write decides whether a full Redis lets the script write at all, so it is the one that needs memory.
local moment = move(user_id, math.floor(micros / 1000)) + micros % 1000 / 1000
place(user_id, score_after(moment), text(math.ceil(moment) + TTL), math.ceil(moment) + TTL - now)
redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)
return {'placed', string.format('%.3f', moment), before and string.format('%.3f', before) or false}
