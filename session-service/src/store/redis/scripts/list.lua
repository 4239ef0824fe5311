-- Reads a page of an owner's index entries, in the order of the listing's snapshot time.
--
-- Input
--   KEYS    list script
--   ARGV[1] session TTL in ms
--   ARGV[2] maximum number of entries        ARGV[3] number of entries that fit on a page whatever their metadata
--   further pages only:
--   ARGV[4] snapshot time of the listing     ARGV[5] expiry of the last entry
--   ARGV[6] user_id of the last entry, or '' if all entries with this expiry were read
-- Output
--   {'found', total count, snapshot time, user_ids, their expiries,
--     expiry of the last entry or false on the last page, its user_id, number of members that are not text}
--   {'listing_expired'}

-- Maximum number of reads of one sorted set for a page.
local MAX_READS = 8
-- Minimum number of moves to read at a time.
local MIN_MOVES = 128

local size, min_items = tonumber(ARGV[2]), tonumber(ARGV[3])
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)

local since, last = listings(now)
if last and try('ZRANGE', MOVES, 0, 0) == WRONG_TYPE then
  since, last = remove_listings()
end

local snapshot_at, from_score, from_user, newest
if ARGV[4] then
  snapshot_at, from_score, from_user = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
  if not since or since > snapshot_at or snapshot_at + LISTING_TTL < now then
    return {'listing_expired'}
  end
else
  snapshot_at = math.max(now, last or 0)
  -- Scores can run slightly ahead of the clock to stay unique. A score far ahead belongs to a session created under a
  -- longer TTL.
  newest = redis.call('ZREVRANGEBYSCORE', INDEX, TIME_MAX, '-inf', 'WITHSCORES', 'LIMIT', 0, size + 1)
  local top = math.floor(tonumber(newest[2] or nil) or 0)
  if top - TTL < now + 1000 then
    snapshot_at = math.max(snapshot_at, top - TTL)
  end
  from_score, from_user = math.max(snapshot_at + TTL, top) + 1, ''
end

-- Returns true if a member is UTF-8, as user ids are.
local function is_text(member)
  if not string.find(member, '[\128-\255]') then
    return member ~= ''
  end
  local rest = member
  for _, sequence in ipairs({'[\194-\223]', '\224[\160-\191]', '[\225-\236\238\239][\128-\191]', '\237[\128-\159]',
    '\240[\144-\191][\128-\191]', '[\241-\243][\128-\191][\128-\191]', '\244[\128-\143][\128-\191]'}) do
    rest = string.gsub(rest, sequence .. '[\128-\191]', '.')
  end
  return not string.find(rest, '[\128-\255]')
end

-- Returns the entries of a sorted set after the cursor, `size` + 1 if there are as many, and the expiry down to which they
-- are complete. `parse` returns the user_id of a member, or nil to skip it.
--
-- Reads `batch` members at a time, and then all with the last one's expiry, because Redis returns equal scores in
-- descending order of members. `below` is the first batch, if it has been read already.
local function read_entries(key, batch, parse, below)
  local entries = {}
  local function add(member, score)
    local user_id = parse(member)
    if user_id and (score < from_score or user_id > from_user) then
      entries[#entries + 1] = {score = score, user_id = user_id}
    end
  end
  -- Entries are ordered by whole milliseconds. The fraction of a score only makes it unique.
  local function add_all_with(score)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, score, '(' .. score + 1)) do
      add(member, score)
    end
  end
  if from_user ~= '' then
    add_all_with(from_score)
  end
  local complete = from_score
  for _ = 1, MAX_READS do
    below = below or redis.call('ZREVRANGEBYSCORE', key, '(' .. complete, '-inf', 'WITHSCORES', 'LIMIT', 0, batch)
    complete = #below == 2 * batch and math.floor(tonumber(below[#below])) or -math.huge
    for i = 1, #below, 2 do
      local score = math.floor(tonumber(below[i + 1]))
      if score > complete then
        add(below[i], score)
      end
    end
    below = nil
    if complete == -math.huge then
      break
    end
    add_all_with(complete)
    if #entries > size then
      break
    end
  end
  return entries, complete
end

local skipped = 0
local entries, complete = read_entries(INDEX, size + 1, function(member)
  if is_text(member) then
    return member
  end
  skipped = skipped + 1
end, newest)
-- An entry that was left after the snapshot is still part of it.
if last and last >= snapshot_at then
  local moves, moves_complete = read_entries(MOVES, math.max(size + 1, MIN_MOVES), function(member)
    local user_id, moved_at = string.match(member, '^(.*)\n(%d+)$')
    return moved_at and tonumber(moved_at) > snapshot_at and is_text(user_id) and user_id
  end)
  complete = math.max(complete, moves_complete)
  for _, entry in ipairs(moves) do
    entries[#entries + 1] = entry
  end
end
local function precedes(a, b)
  return a.score > b.score or (a.score == b.score and a.user_id < b.user_id)
end
-- Most entries are in order already, and sorting them takes a tenth of the script's time.
for i = 2, #entries do
  if precedes(entries[i], entries[i - 1]) then
    table.sort(entries, precedes)
    break
  end
end

local user_ids, expiries = {}, {}
local next_score, next_user = false, ''
for i, entry in ipairs(entries) do
  if entry.score < complete then
    break
  end
  if #user_ids == size then
    next_score, next_user = entries[i - 1].score, entries[i - 1].user_id
    break
  end
  user_ids[#user_ids + 1] = entry.user_id
  expiries[#expiries + 1] = entry.score
end
if not next_score and complete > -math.huge then
  next_score = complete
end

-- A page of many sessions may be cut at its maximum size, and then has a next page.
if next_score or #user_ids > min_items then
  local latest = math.max(last or 0, snapshot_at)
  redis.call('HSET', LISTING, 'since', text(since or snapshot_at), 'last', text(latest))
  redis.call('PEXPIREAT', LISTING, text(latest + LISTING_TTL))
end
local total_count = redis.call('ZCOUNT', INDEX, now, TIME_MAX)
return {'found', total_count, snapshot_at, user_ids, expiries, next_score, next_user, skipped}
