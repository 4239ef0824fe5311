-- Checks that a live session has an index entry, and restores it.
--
-- Input
--   KEYS    list script
--   ARGV[1] session TTL in ms         ARGV[2] user_id
--   ARGV[3] expiry of the session     ARGV[4] 'repair' or ''
-- Output
--   {'checked', 1 if it has one, otherwise 0}

local user_id, expires_at, repair = ARGV[2], ARGV[3], ARGV[4] == 'repair'

local has_entry = index_score(user_id) ~= nil
if not has_entry and repair then
  put_index_entry(user_id, expires_at, expires_at, expires_at - now_ms())
end
return {'checked', has_entry and 1 or 0}
