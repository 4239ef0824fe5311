-- Puts a place back to where it was, because the change that it was put for was refused, unless another change has put
-- it elsewhere since. KEYS: 1 index, 2 moves, 3 listing. ARGV: 3 user_id, 4 the score that was put, 5 the one before.
-- Answers {word}.

local user_id, score, before = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if tonumber(redis.call('ZSCORE', INDEX, user_id) or nil) ~= score then
  return {'taken_since'}
end
redis.call('ZADD', INDEX, before, user_id)
-- Nothing was left behind, then.
redis.call('ZREM', MOVES, user_id .. '\n' .. string.format('%d', score - tonumber(ARGV[1])))
return {'taken_back'}
