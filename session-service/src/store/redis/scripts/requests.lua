-- The field "recent_requests" remembers appends and turns, the oldest first, in entries of one width: the hash of the
-- request id, the fingerprint of its messages, and as big-endian numbers the first seq, how many messages, and the seq of
-- the reply or 0.
local HASH = 12
local WIDTH = 2 * HASH + 5

-- Where the entry of a request begins; nil when it is not remembered.
local function find_request(requests, key)
  local at = string.find(requests, key, 1, true)
  while at and (at - 1) % WIDTH ~= 0 do
    at = string.find(requests, key, at + 1, true)
  end
  return at
end

local function read_request(requests, at)
  local first, count, reply = struct.unpack('>I2I1I2', requests, at + 2 * HASH)
  return {fingerprint = string.sub(requests, at + HASH, at + 2 * HASH - 1), first = first, count = count, reply = reply}
end

-- The requests with one more, the last REMEMBERED_MAX of them.
local function remember_request(requests, key, fingerprint, first, count)
  local entry = key .. fingerprint .. struct.pack('>I2I1I2', first, count, 0)
  if #requests >= REMEMBERED_MAX * WIDTH then
    requests = string.sub(requests, -(REMEMBERED_MAX - 1) * WIDTH)
  end
  return requests .. entry
end

-- The requests, with the seq of the reply to the one whose entry begins at `at`.
local function with_reply(requests, at, seq)
  return string.sub(requests, 1, at + WIDTH - 3) .. struct.pack('>I2', seq) .. string.sub(requests, at + WIDTH)
end
