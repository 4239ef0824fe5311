-- Reads a page of an owner's places. KEYS: 1 index, 2 moves, 3 listing, 4 queue, and none of a session. ARGV: 2 the most
-- places, 3 how many always fit on a page; for a further page also 4 the listing's moment, 5 the expiry of the last
-- place, 6 its user_id or "" when all places of that expiry were read.
-- Returns {status, total, moment, user_ids, their expiries, expiry of the last place or false when this is the last page,
-- its user_id, how many members of the index were left out because they are no text}.

local size = tonumber(ARGV[2])
local now = now_ms()
redis.call('ZREMRANGEBYSCORE', INDEX, '-inf', '(' .. now)

local since, last = listings(now)
if last and try('ZRANGE', MOVES, 0, 0) == WRONG_TYPE then
  since, last = forget_listings()
end

local moment, from_score, from_user
if ARGV[4] then
  moment, from_score, from_user = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
  if not since or since > moment or moment + LISTING_MAX < now then
    return {'listing_expired'}
  end
else
  moment = math.max(now, last or 0)
  -- Moments may be some milliseconds ahead of the clock, for no two that matter are alike; what is far ahead comes from a
  -- longer lifetime before.
  local highest = redis.call('ZREVRANGEBYSCORE', INDEX, TIME_MAX, '-inf', 'WITHSCORES', 'LIMIT', 0, 1)
  local top = tonumber(highest[2] or nil) or 0
  top = math.floor(top)
  if top - TTL < now + 1000 then
    moment = math.max(moment, top - TTL)
  end
  from_score, from_user = math.max(moment + TTL, top) + 1, ''
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

-- Places of a sorted set after the cursor, `size` and one more if it has them, and the expiry down to which they are
-- complete. Reads `most` members at a time, and all that share the last one's expiry: Redis orders equal scores the
-- other way round when it reads downwards. Members that `parse` leaves out are read past, within a limit.
local function places_of(key, most, parse)
  local places = {}
  local function add(members, score)
    for _, member in ipairs(members) do
      local user_id = parse(member)
      if user_id and (score < from_score or user_id > from_user) then
        places[#places + 1] = {score = score, user_id = user_id}
      end
    end
  end
  -- Expiries are whole milliseconds; what a score has beyond is not part of the order.
  local function add_all(score)
    add(redis.call('ZRANGEBYSCORE', key, score, '(' .. score + 1), score)
  end
  if from_user ~= '' then
    add_all(from_score)
  end
  local complete = from_score
  for _ = 1, 8 do
    local below = redis.call('ZREVRANGEBYSCORE', key, '(' .. complete, '-inf', 'WITHSCORES', 'LIMIT', 0, most)
    complete = #below == 2 * most and math.floor(tonumber(below[#below])) or -math.huge
    for i = 1, #below, 2 do
      local score = math.floor(tonumber(below[i + 1]))
      if score > complete then
        add({below[i]}, score)
      end
    end
    if complete == -math.huge then
      break
    end
    add_all(complete)
    if #places > size then
      break
    end
  end
  return places, complete
end

local left_out = 0
local places, complete = places_of(INDEX, size + 1, function(member)
  if is_text(member) then
    return member
  end
  left_out = left_out + 1
end)
-- A place that was left behind counts if that was after the listing's moment.
if last and last >= moment then
  local left, left_complete = places_of(MOVES, math.max(size + 1, 128), function(member)
    local user_id, moved = string.match(member, '^(.*)\n(%d+)$')
    return moved and tonumber(moved) > moment and is_text(user_id) and user_id
  end)
  complete = math.max(complete, left_complete)
  for _, place in ipairs(left) do
    places[#places + 1] = place
  end
end
table.sort(places, function(a, b)
  return a.score > b.score or (a.score == b.score and a.user_id < b.user_id)
end)

local user_ids, expiries = {}, {}
local next_score, next_user = false, ''
for i, place in ipairs(places) do
  if place.score < complete then
    break
  end
  if #user_ids == size then
    next_score, next_user = places[i - 1].score, places[i - 1].user_id
    break
  end
  user_ids[#user_ids + 1] = place.user_id
  expiries[#expiries + 1] = place.score
end
if not next_score and complete > -math.huge then
  next_score = complete
end

-- A page of many sessions may be cut short for their size, and has a next one then.
if next_score or #user_ids > tonumber(ARGV[3]) then
  redis.call('HSET', LISTING, 'since', text(since or moment), 'last', text(math.max(last or 0, moment)))
  redis.call('PEXPIREAT', LISTING, text(math.max(last or 0, moment) + LISTING_MAX))
end
local total = redis.call('ZCOUNT', INDEX, now, TIME_MAX)
return {'found', total, moment, user_ids, expiries, next_score, next_user, left_out}
