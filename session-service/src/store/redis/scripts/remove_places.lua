-- Removes places of sessions that are not live, unless they have been taken again or somebody may be about to fill them.
-- KEYS: 1 index, 2 moves, 3 listing. ARGV: 3 how old in ms a place must be to be removed, 0 for any age, 4, 6, ... user_id, 5, 7, ...
-- the score that the place had.
-- Answers {word, how many of them stand for no session}.

local oldest = now_ms() + tonumber(ARGV[1]) - tonumber(ARGV[3])
local empty = 0
for i = 4, #ARGV, 2 do
  local score = tonumber(ARGV[i + 1])
  if tonumber(redis.call('ZSCORE', INDEX, ARGV[i]) or nil) == score then
    empty = empty + 1
    if ARGV[3] == '0' or score <= oldest then
      redis.call('ZREM', INDEX, ARGV[i])
    end
  end
end
return {'removed', empty}
