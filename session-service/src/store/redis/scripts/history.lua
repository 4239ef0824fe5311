-- Reads a page of messages. ARGV: 2 "newest", "before" or "after", 3 seq, 4 the most messages, 5 the most bytes.
-- Answers {word, message count, seq of the first message, messages}.

-- How many messages are read at a time. A message may take 192 KiB as JSON, and nothing else is done meanwhile.
local AT_ONCE = 16

local span, seq, size, budget = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

local stored = redis.call('HGET', KEYS[1], 'message_count')
if not stored and redis.call('EXISTS', KEYS[1]) == 0 then
  return {'not_found'}
end
local count = string.find(stored or '', '^%d+$') and tonumber(stored)
if not count then
  error('message_count is not a number')
end

local forward = span == 'after'
local first, last
if forward then
  first, last = seq + 1, math.min(seq + size, count)
else
  last = span == 'before' and math.min(seq - 1, count) or count
  first = math.max(last - size + 1, 1)
end

-- The messages in order of reading, as many as the budget allows, but one at least.
local function read()
  local page, bytes = {}, 0
  for taken = 0, last - first, AT_ONCE do
    local from = forward and first + taken or math.max(last - taken - AT_ONCE + 1, first)
    local to = forward and math.min(first + taken + AT_ONCE - 1, last) or last - taken
    local some = redis.call('LRANGE', KEYS[2], from - 1, to - 1)
    if #some <= to - from then
      error('there are fewer messages than message_count')
    end
    for i = 1, #some do
      local message = some[forward and i or #some + 1 - i]
      bytes = bytes + #message
      if #page > 0 and bytes > budget then
        return page
      end
      page[#page + 1] = message
    end
  end
  return page
end

local page = read()
if forward then
  return {'found', count, first, page}
end
local oldest_first = {}
for i = #page, 1, -1 do
  oldest_first[#oldest_first + 1] = page[i]
end
return {'found', count, last - #page + 1, oldest_first}
