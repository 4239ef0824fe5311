-- Cluster only: removes the index entry of a deleted session, unless the session was created again.
--
-- Input
--   KEYS    list script
--   ARGV[1] session TTL in ms
--   ARGV[2] user_id
--   ARGV[3] timestamp of the session's last change, or '' if it is unknown
--   ARGV[4] age in ms from which on an entry without a session is orphaned
-- Output
--   {'removed'}

local user_id, timestamp, orphan_min_age = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])

local score = try('ZSCORE', INDEX, user_id)
score = score and score ~= WRONG_TYPE and tonumber(score)
local is_old = score and (score <= now_ms() + TTL - orphan_min_age or score > TIME_MAX)
if score and (timestamp and score == tonumber(score_for(timestamp)) or not timestamp and is_old) then
  redis.call('ZREM', INDEX, user_id)
end
return {'removed'}
