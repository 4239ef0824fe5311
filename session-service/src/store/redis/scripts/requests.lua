-- The field "recent_requests" remembers appends and turns, the oldest first, in entries of one width: the hash of the
-- request id, the fingerprint of its messages, and in hexadecimal digits the first seq (4), how many messages (2), and the
-- seq of the reply or 0 (4).
local HASH = 12
local WIDTH = 2 * HASH + 10

-- Returns the requests that a record remembers, which must be whole entries.
local function known_requests(requests)
  requests = requests or ''
  if #requests % WIDTH ~= 0 or string.find(requests, '[^%w_-]') then
    error('recent_requests is corrupt')
  end
  return requests
end

-- Where the entry of a request begins; nil when it is not remembered.
local function find_request(requests, key)
  local at = string.find(requests, key, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do
    at = string.find(requests, key, at + 1, true)
  end
  return at
end

local function read_request(requests, at)
  local function number(from, to)
    return tonumber(string.sub(requests, at + from, at + to), 16)
  end
  return {
    fingerprint = string.sub(requests, at + HASH, at + 2 * HASH - 1),
    first = number(2 * HASH, 2 * HASH + 3),
    count = number(2 * HASH + 4, 2 * HASH + 5),
    reply = number(2 * HASH + 6, 2 * HASH + 9),
  }
end

-- The requests with one more, the last REMEMBERED_MAX of them.
local function remember_request(requests, key, fingerprint, first, count)
  local entry = key .. fingerprint .. string.format('%04x%02x0000', first, count)
  if #requests >= REMEMBERED_MAX * WIDTH then
    requests = string.sub(requests, -(REMEMBERED_MAX - 1) * WIDTH)
  end
  return requests .. entry
end

-- The requests, with the seq of the reply to the one whose entry begins at `at`.
local function with_reply(requests, at, seq)
  return string.sub(requests, 1, at + WIDTH - 5) .. string.format('%04x', seq) .. string.sub(requests, at + WIDTH)
end
