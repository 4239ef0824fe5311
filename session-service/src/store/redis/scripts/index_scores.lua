-- Scores of index entries, for the scripts that compare or write them apart from their sessions.

-- Returns the score of the index entry of a session, nil if it has none.
local function index_score(user_id)
  return tonumber(redis.call('ZSCORE', INDEX, user_id) or nil)
end

-- Returns the score of an index entry for an issued timestamp.
local function score_for(timestamp)
  return string.format('%.3f', timestamp + TTL)
end
