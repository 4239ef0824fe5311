-- Cluster only: reverts an index update whose change was rejected, unless another change has updated the entry since.
--
-- Input
--   KEYS    list script
--   ARGV[1] session TTL in ms   ARGV[2] user_id
--   ARGV[3] issued timestamp    ARGV[4] previous score
-- Output
--   {'reverted'} | {'updated_since'} | {'listed_since'}

local user_id, timestamp, previous = ARGV[2], tonumber(ARGV[3]), ARGV[4]

if index_score(user_id) ~= tonumber(score_for(timestamp)) then
  return {'updated_since'}
end
-- A listing that may have returned the new position would list the session twice.
local _, last = listings(now_ms())
if (last or 0) >= math.floor(timestamp) then
  return {'listed_since'}
end
redis.call('ZADD', INDEX, previous, user_id)
try('ZREM', MOVES, user_id .. '\n' .. text(math.floor(timestamp)))
return {'reverted'}
