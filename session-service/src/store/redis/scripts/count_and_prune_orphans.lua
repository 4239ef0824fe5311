-- Cluster only: counts index entries whose session was not found, and removes those that are old enough.
--
-- Input
--   KEYS    list script
--   ARGV[1] session TTL in ms
--   ARGV[2] age in ms from which on an entry without a session is orphaned
--   ARGV[3], ARGV[5], ...  user_id
--   ARGV[4], ARGV[6], ...  expiry that the entry had when it was read
-- Output
--   {'counted', number of entries that are unchanged since they were read}

local newest = now_ms() + TTL - tonumber(ARGV[2])
local count = 0
for i = 3, #ARGV, 2 do
  local user_id, expires_at = ARGV[i], tonumber(ARGV[i + 1])
  local score = index_score(user_id)
  if score and math.floor(score) == expires_at then
    count = count + 1
    if score <= newest then
      redis.call('ZREM', INDEX, user_id)
    end
  end
end
return {'counted', count}
