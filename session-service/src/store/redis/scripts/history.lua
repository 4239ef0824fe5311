-- Reads a page of messages. ARGV: 2 "newest", "before" or "after", 3 seq, 4 the most messages, 5 the most bytes.
-- Answers {word, message count, seq of the first message, messages}.

local CHUNK = 128
local span, seq, size, budget = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local count = tonumber(redis.call('HGET', KEYS[1], 'message_count') or nil)
if not count then
  return {'not_found'}
end

local first, last
if span == 'after' then
  first, last = seq + 1, math.min(seq + size, count)
else
  last = span == 'before' and math.min(seq - 1, count) or count
  first = math.max(last - size + 1, 1)
end
local function range(from, to)
  return redis.call('LRANGE', KEYS[2], from - 1, to - 1)
end

-- Most pages are few messages that fit.
if last - first < CHUNK then
  local page, bytes = last < first and {} or range(first, last), 0
  for _, message in ipairs(page) do
    bytes = bytes + #message
  end
  if bytes <= budget then
    return {'found', count, first, page}
  end
end

-- Takes messages in order of reading until one more would exceed the budget; answers whether there is room for more.
local page, bytes = {}, 0
local function take(message)
  bytes = bytes + #message
  if #page > 0 and bytes > budget then
    return false
  end
  page[#page + 1] = message
  return true
end

if span == 'after' then
  for from = first, last, CHUNK do
    for _, message in ipairs(range(from, math.min(from + CHUNK - 1, last))) do
      if not take(message) then
        return {'found', count, first, page}
      end
    end
  end
  return {'found', count, first, page}
end

local room = true
for to = last, first, -CHUNK do
  local chunk = range(math.max(to - CHUNK + 1, first), to)
  for i = #chunk, 1, -1 do
    room = room and take(chunk[i])
  end
  if not room then
    break
  end
end
local oldest_first = {}
for i = #page, 1, -1 do
  oldest_first[#oldest_first + 1] = page[i]
end
return {'found', count, last - #page + 1, oldest_first}
