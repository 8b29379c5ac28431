-- SPDX-License-Identifier: MIT OR Apache-2.0
--
-- exchange() of ledger.cpp and share_out() of shares.cpp on a Redis hash, by the same names and in
-- the same arithmetic. Field '#' is the head, each other one a holder, as in ledger_text.cpp.
-- The server's clock only makes the stamps of a new epoch larger.

local key = KEYS[1]
local kind, fresh, id = ARGV[1], ARGV[2] == '1', ARGV[3]
local q = {}
for i, name in ipairs({'sequence', 'nonce', 'epoch', 'seen', 'proof', 'proof_lease', 'lease', 'keep',
                       'adopt', 'demand', 'weight', 'minimum', 'limit', 'version'}) do
  q[name] = tonumber(ARGV[3 + i])
end
local label = ARGV[18]

local floor, max, min = math.floor, math.max, math.min

local function text(numbers, rest)
  for i, n in ipairs(numbers) do numbers[i] = string.format('%.0f', n) end
  numbers[#numbers + 1] = rest
  return table.concat(numbers, ' ')
end

local function less(a, b) return max(a - b, 0) end

-- ---- The record

local bad_format = 'AFFLUX the record is of a format not known here'
local r = {epoch = 0, stamp = 0, limit = 0, version = 0, lease = 0, silence = 0, proven = 0,
           since = 0, total = 0, owed = 0, count = 0, engine = ''}
local head = redis.call('HGET', key, '#')
if head then
  local format
  format, r.epoch, r.stamp, r.limit, r.version, r.lease, r.silence, r.proven, r.since, r.total,
      r.owed, r.count, r.engine =
      head:match('^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  if format ~= '1' then return redis.error_reply(bad_format) end
  for name, value in pairs(r) do
    if name ~= 'engine' then r[name] = tonumber(value) end
  end
end

local function parse(line)
  local h = {}
  h.permits, h.stamp, h.weight, h.minimum, h.demand, h.sequence, h.target, h.turn, h.label =
      line:match('^(%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (%d+) (.*)$')
  if not h.permits then error(bad_format) end  -- nothing is written before all are read
  for name, value in pairs(h) do
    if name ~= 'label' then h[name] = tonumber(value) end
  end
  h.line = line
  return h
end

local writes, erased = {}, {}

local function write(name, line)
  writes[#writes + 1] = name
  writes[#writes + 1] = line
end

local function write_holder(name, h)
  local line = text({h.permits, h.stamp, h.weight, h.minimum, h.demand, h.sequence, h.target, h.turn},
                    h.label)
  if line ~= h.line then write(name, line) end
end

local function in_pieces(command, all)
  for i = 1, #all, 1000 do
    redis.call(command, key, unpack(all, i, min(i + 999, #all)))
  end
end

local function save()
  write('#', text({1, r.epoch, r.stamp, r.limit, r.version, r.lease, r.silence, r.proven, r.since,
                   r.total, r.owed, r.count}, r.engine))
  in_pieces('HDEL', erased)
  in_pieces('HSET', writes)
end

-- ---- Shares

local function lack(h)
  local n = less(h.target, h.permits)
  return n > floor(h.target / 32) and n or 0
end

local function at_level(h, level)
  return min(h.demand, max(min(h.minimum, h.demand), floor(h.weight * level)))
end

local function find_level(all, weight, most)
  local low, high, level = 0, most + 1, r.limit / weight
  for _ = 1, 64 do
    local sum, wanting, slope = 0, 0, 0
    for _, h in pairs(all) do
      local n = at_level(h, level)
      sum = sum + n
      if n < h.demand then
        wanting = wanting + 1
        if n >= h.minimum then slope = slope + h.weight end
      end
    end
    if sum <= r.limit then
      low = level
      if r.limit - sum <= wanting then break end
    else
      high = level
    end
    local next_level = low
    if slope ~= 0 then next_level = level + (r.limit - sum) / slope end
    if next_level <= low or next_level >= high then next_level = (low + high) / 2 end
    level = next_level
  end
  return low
end

local function give_rest(all, rest, before)
  local line = {}
  for name, h in pairs(all) do
    if h.target < h.demand then
      local has_one = before[name] > h.target or h.permits > h.target
      local may_stay = h.target ~= 0 or r.stamp - h.turn < 2 * r.count
      line[#line + 1] = {later = (has_one and may_stay) and 0 or 1, turn = h.turn, name = name, h = h}
    end
  end
  table.sort(line, function(a, b)
    if a.later ~= b.later then return a.later < b.later end
    if a.turn ~= b.turn then return a.turn < b.turn end
    return a.name < b.name
  end)
  for _, c in ipairs(line) do
    if rest == 0 then break end
    rest = rest - 1
    if c.h.target == 0 and c.later == 1 then c.h.turn = r.stamp end
    c.h.target = c.h.target + 1
  end
end

local function share_out(all)
  local demand, weight, minimum, most, before = 0, 0, 0, 0, {}
  for name, h in pairs(all) do
    demand = demand + h.demand
    weight = weight + h.weight
    minimum = minimum + min(h.minimum, h.demand)
    if h.weight ~= 0 then most = max(most, h.demand / h.weight) end
    before[name] = h.target
  end
  if demand <= r.limit then
    local spare = r.limit - demand
    for _, h in pairs(all) do
      h.target = h.demand
      if h.weight ~= 0 then h.target = h.target + floor(spare * (h.weight / weight)) end
    end
  else
    local too_many = minimum > r.limit
    local level = too_many and 0 or find_level(all, weight, most)
    local sum = 0
    for _, h in pairs(all) do
      h.target = too_many and floor(min(h.minimum, h.demand) * (r.limit / minimum)) or
                     at_level(h, level)
      sum = sum + h.target
    end
    if sum < r.limit then give_rest(all, r.limit - sum, before) end
  end
  r.owed = 0
  for _, h in pairs(all) do r.owed = r.owed + lack(h) end
end

-- `mine` is not as it is stored, and not to be written here.
local function pass(mine)
  local stored = redis.call('HGETALL', key)
  local all = {}
  r.count = 0
  if mine then all[id] = mine end
  for i = 1, #stored, 2 do
    local name = stored[i]
    if name ~= '#' and name ~= id then
      local h = parse(stored[i + 1])
      if h.stamp > r.proven then
        all[name] = h
      else
        r.total = r.total - h.permits
        erased[#erased + 1] = name
      end
    end
  end
  for _ in pairs(all) do r.count = r.count + 1 end
  share_out(all)
  for name, h in pairs(all) do
    if h ~= mine then write_holder(name, h) end
  end
  r.since = 0
end

-- ---- The exchange

local function answer(a)
  local function bit(b) return b and 1 or 0 end
  return text({a.answer or 0, bit(r.silence ~= 0), bit(a.wanted), bit(a.begun), r.epoch, r.stamp,
               r.limit, r.version, r.lease, r.proven, a.permits or 0, a.target or 0, r.total}, 
              string.format('%.0f', r.count))
end

local server = redis.call('INFO', 'server'):match('run_id:(%w+)')
if not server then return redis.error_reply('AFFLUX the server does not tell its run_id') end

local lost = r.epoch == 0 or r.engine ~= server or q.seen > r.stamp
local line = not lost and redis.call('HGET', key, id)
local h = line and parse(line)
if kind == '3' and not h then return answer({answer = 3}) end
if (kind == '0' or kind == '1') and h and q.sequence <= h.sequence then
  return answer({answer = 1})
end
if r.epoch == 0 and kind ~= '2' and q.limit == 0 and q.version == 0 then
  return answer({answer = 2})
end

if lost then
  redis.call('DEL', key)
  local time = redis.call('TIME')
  local us = tonumber(time[1]) * 1000000 + tonumber(time[2])
  if us <= 4503599627370495 then r.stamp = max(r.stamp, us) end
  r.silence = (r.epoch == 0 and fresh) and 0 or max(r.stamp, q.seen) + 1
  if r.epoch == 0 then r.limit, r.version = q.limit, q.version end
  r.epoch, r.engine = q.nonce, server
  r.proven, r.since, r.total, r.owed, r.count = 0, 0, 0, 0, 0
end
r.stamp = max(r.stamp, q.seen) + 1
local due = lost
r.lease = max(r.lease, q.lease)

if kind == '2' then
  r.limit = q.limit
  r.version = max(r.version, q.version) + 1
  id = ''
  pass()
  save()
  return answer({})
elseif kind == '3' then
  r.total = r.total - h.permits
  erased[1] = id
  pass()
  save()
  return answer({})
end

if q.version > r.version then
  r.limit, r.version = q.limit, q.version
  due = true
end
if q.epoch == r.epoch and q.proof_lease >= r.lease then r.proven = max(r.proven, q.proof) end
if r.silence ~= 0 and r.proven >= r.silence then
  r.silence = 0
  due = true
end

local adopts = r.silence ~= 0 and q.epoch ~= r.epoch and q.adopt ~= 0
local begun = not h and not adopts
if not h then
  h = {permits = 0, target = 0, turn = 0}
  r.count = r.count + 1
end
local lacked = lack(h)
r.total = r.total - h.permits
h.permits = min(h.permits, q.keep)
if adopts then h.permits = max(h.permits, q.adopt) end
if kind == '1' then
  r.owed = r.owed - lacked
  r.count = r.count - 1
  erased[1] = id
  if due then pass() end
  save()
  return answer({})
end
r.total = r.total + h.permits
h.stamp, h.weight, h.minimum, h.demand, h.sequence, h.label =
    r.stamp, q.weight, q.minimum, q.demand, q.sequence, label
r.owed = r.owed - lacked + lack(h)
r.since = r.since + 1
if due or 4 * r.since >= r.count then pass(h) end

-- grant()
local others = r.owed - lack(h)
local free = r.silence ~= 0 and 0 or less(r.limit, r.total)
local wanted = (r.silence == 0 and others > free) or r.total > r.limit
if wanted and h.demand < h.target then h.target = h.demand end
local n = min(less(h.target, h.permits), free)
free = free - n
n = n + min(less(h.demand, h.permits + n), less(free, others))
h.permits = h.permits + n
r.total = r.total + n
r.owed = others + lack(h)
write_holder(id, h)
save()
return answer({wanted = wanted, begun = begun, permits = h.permits, target = h.target})
