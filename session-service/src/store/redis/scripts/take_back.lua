-- Puts a place back to where it was, because the change that it was put for was refused, unless another change has put it
-- elsewhere since. KEYS: 1 index, 2 moves, 3 listing, 4 queue. ARGV: 2 user_id, 3 the moment that was given, 4 the score
-- before.
-- Answers {word}.

local user_id, given = ARGV[2], tonumber(ARGV[3])
if tonumber(redis.call('ZSCORE', INDEX, user_id) or nil) ~= tonumber(score_after(given)) then
  return {'taken_since'}
end
-- A listing that has shown the session there must not meet it again.
local _, last = listings(now_ms())
if (last or 0) >= math.floor(given) then
  return {'listed_since'}
end
redis.call('ZADD', INDEX, ARGV[4], user_id)
-- Nothing was left behind, then.
try('ZREM', MOVES, user_id .. '\n' .. string.format('%d', math.floor(given)))
return {'taken_back'}
