/**
 * Counting commits. Each new connection tells the server's process. Another one than last time may have lost the newest commits, or
 * all: the revision then goes on from the server's clock in microseconds, which is ahead of any revision given before.
 */
export const counting = `
local function split(path)
  local parent, name = path:match('^(.*)/([^/]*)$')
  if parent == '' then parent = '/' end
  return parent, name
end

local function text(number)
  return string.format('%.0f', number)
end

local function leap(last, floor)
  local now = call('TIME')
  local rev = math.max(last + 1, floor + 1, now[1] * 1000000 + now[2])
  call('HSET', B, 'rev', text(rev))
  return rev
end

local function bump()
  local rev = call('HINCRBY', B, 'rev', 1)
  if rev == 1 then return leap(rev, 0) end
  return rev
end
`;

/**
 * Changing the tree. A change is { op = 'C' | 'S' | 'D', path, owner, data, version, create }; `apply` makes a list of them
 * one commit. It reads every key that it will write before it writes the first: a key that holds something else fails the
 * script as a whole, since Redis takes nothing back.
 */
export const tree = `
local INLINE_BYTES = 4096
local LOG_LENGTH = 1000
-- Lua passes at most some 8,000 values to a function.
local MOST_TOLD = 2000

local function audience(changes)
  local told = {}
  local function tell(path, i, wants)
    local watchers = call('HGETALL', B .. ':w:' .. path)
    for k = 1, #watchers, 2 do
      local id = watchers[k]
      if watchers[k + 1]:find(wants) and alive(id) then
        local indexes = told[id]
        if not indexes then
          indexes = {}
          told[id] = indexes
          call('XLEN', B .. ':e:' .. id)
        end
        if indexes[#indexes] ~= i then indexes[#indexes + 1] = i end
      end
    end
  end
  for i, change in ipairs(changes) do
    local sets, path, parent = change.op == 'S', change.path, split(change.path)
    -- While a Cluster moves the slot, a key that is missing here fails the script: one that is always missing does so in time.
    if call('EXISTS', B .. ':', B .. ':w:' .. path, B .. ':w:' .. parent) > 0 then
      tell(path, i, sets and 'n' or '[ncd]')
      if path ~= '/' then tell(parent, i, sets and 'd' or '[cd]') end
    end
  end
  if next(told) then call('HLEN', B .. ':q') end
  return told
end

-- To more than can be told at once belongs a number that is left out: those who watch then read everything again.
local function publish(told, changes, revision)
  for id, indexes in pairs(told) do
    local entry, step = {'r', revision}, 1
    if #indexes > MOST_TOLD then indexes, step = {}, 2 end
    for _, i in ipairs(indexes) do
      local change = changes[i]
      local op, value = change.op, ''
      if op ~= 'D' then
        if #change.data > INLINE_BYTES then
          op = op:lower()
        else
          value = (change.owner or '') .. '\\n' .. change.header .. change.data
        end
      end
      entry[#entry + 1] = op .. change.path
      entry[#entry + 1] = value
    end
    local number = call('HINCRBY', B .. ':q', id, step)
    call('XADD', B .. ':e:' .. id, 'MAXLEN', '~', LOG_LENGTH, number .. '-0', unpack(entry))
  end
end

local function remove(change)
  local parent, name = split(change.path)
  call('HDEL', NODES, change.path)
  call('ZREM', B .. ':c:' .. parent, name)
  if change.owner then
    call('HDEL', OWNERS, change.path)
    call('SREM', B .. ':o:' .. change.owner, change.path)
  end
end

local function put(change, revision)
  if change.op == 'C' then
    change.header = (change.owner and 'e0 ' or '0 ') .. revision .. ' ' .. revision .. '\\n'
    if change.path ~= '/' then
      local parent, name = split(change.path)
      call('ZADD', B .. ':c:' .. parent, revision, name)
    end
    if change.owner then
      call('HSET', OWNERS, change.path, change.owner)
      call('SADD', B .. ':o:' .. change.owner, change.path)
    end
  else
    change.header = (change.owner and 'e' or '') .. change.version .. ' ' .. change.create .. ' ' .. revision .. '\\n'
  end
  call('HSET', NODES, change.path, change.header .. change.data)
end

local function apply(changes)
  local told = audience(changes)
  local onlyRemoves = true
  for _, change in ipairs(changes) do
    if change.op ~= 'S' then call('ZCARD', B .. ':c:' .. split(change.path)) end
    if change.owner and change.op ~= 'S' then call('SCARD', B .. ':o:' .. change.owner) end
    if change.op ~= 'D' then onlyRemoves = false end
  end
  -- A full server refuses the first command that may need memory; what frees memory must pass.
  if onlyRemoves then call('HDEL', NODES, '') end
  local rev = bump()
  local revision = text(rev)
  for _, change in ipairs(changes) do
    if change.op == 'D' then remove(change) else put(change, revision) end
  end
  publish(told, changes, revision)
  return rev
end
`;

/** Ending sessions: their nodes are deleted in commits of a bounded size. */
export const reaping = `
local AT_ONCE = 500

local function reap(id)
  call('ZSCORE', B .. ':d', id)
  call('DEL', B .. ':s:' .. id)
  lives[id] = false
  local paths = call('SRANDMEMBER', B .. ':o:' .. id, AT_ONCE)
  if #paths > 0 then
    local changes = {}
    for _, path in ipairs(paths) do changes[#changes + 1] = {op = 'D', path = path, owner = id} end
    apply(changes)
  end
  local watched = call('SRANDMEMBER', B .. ':ws:' .. id, AT_ONCE)
  for _, path in ipairs(watched) do call('HDEL', B .. ':w:' .. path, id) end
  if #watched > 0 then call('SREM', B .. ':ws:' .. id, unpack(watched)) end
  if #paths == AT_ONCE or #watched == AT_ONCE then
    call('ZADD', B .. ':d', 0, id)
    return false
  end
  call('ZREM', B .. ':d', id)
  call('DEL', B .. ':r:' .. id)
  if call('HDEL', B .. ':q', id) == 1 then
    -- Wakes a reader that still waits there.
    call('XADD', B .. ':e:' .. id, '*', 'end', '1')
    call('PEXPIRE', B .. ':e:' .. id, 10000)
  end
  return true
end

-- Two clocks, in ms: the server's, by which Redis expires keys, and the namespace's, to which deadlines belong. Where the server's
-- goes back, the latter goes on from where it was last seen: the dead would live on for as long as the server's has gone back.
local function clocks()
  local time = call('TIME')
  local own = time[1] * 1000 + math.floor(time[2] / 1000)
  local last = call('HMGET', B, 'clock', 'ahead')
  return own, math.max(own + tonumber(last[2] or '0'), tonumber(last[1] or '0'))
end

local function keepClock(own, now)
  call('HSET', B, 'clock', text(now), 'ahead', text(now - own))
end

-- Ends sessions whose time is up, a bounded number; returns in how many ms the next one is due, -1 for none.
local function reapDue(now)
  local due = call('ZRANGEBYSCORE', B .. ':d', '-inf', '(' .. text(now), 'LIMIT', 0, 4)
  for _, id in ipairs(due) do reap(id) end
  local first = call('ZRANGE', B .. ':d', 0, 0, 'WITHSCORES')
  if not first[2] then return -1 end
  return math.max(0, tonumber(first[2]) - now)
end
`;
