-- Deletes a live session with its messages, even if its record is corrupt. In a cluster remove_index_entry.lua follows.
--
-- Input
--   KEYS    session script
--   ARGV[1] session TTL in ms   ARGV[2] user_id
-- Output
--   {'deleted', timestamp} | {'not_found', timestamp}
--   timestamp: in a cluster that of the last change, or '' if it is unknown; false on a single node

local fields = try('HMGET', RECORD, 'given', 'last_activity')
local timestamp = fields ~= WRONG_TYPE and (fields[1] or fields[2])
timestamp = tonumber(timestamp or nil) and timestamp or ''
local is_live = redis.call('EXISTS', RECORD) == 1
redis.call('DEL', RECORD, HISTORY, TURN_TEXT or HISTORY)
if INDEX then
  try('ZREM', INDEX, ARGV[2])
  timestamp = false
end
return {is_live and 'deleted' or 'not_found', timestamp}
