import { base, reading } from "./base.js";
import { script } from "./script.js";
import { counting, tree } from "./tree.js";

/**
 * Judging what is asked before anything is written. `look` knows what earlier operations of the same commit make of a node. What it
 * finds of sessions that are gone is deleted first, in a commit of its own: nobody could see it any more.
 */
const judging = `
local seen, added, changes, dead = {}, {}, {}, {}

-- Without its version a node is not read, whose data may be large.
local look
function look(path, withVersion)
  local found = seen[path]
  if not found then
    found = {}
    local value = withVersion and call('HGET', NODES, path)
    found.exists = value or not withVersion and call('HEXISTS', NODES, path) == 1
    if found.exists and (not value or value:byte() == 101) then
      local owner = call('HGET', OWNERS, path)
      if owner and not alive(owner) then
        found.exists = false
        dead[#dead + 1] = {op = 'D', path = path, owner = owner}
      else
        found.owner = owner or nil
      end
    end
    if value then
      local version, create = value:match('^e?(%d+) (%d+) ')
      found.version, found.create = tonumber(version), create
    end
    seen[path] = found
  elseif withVersion and found.exists and not found.version then
    seen[path] = nil
    return look(path, true)
  end
  return found
end

local function add(path, data, owner)
  seen[path] = {exists = true, owner = owner, version = 0}
  local parent = split(path)
  added[parent] = true
  changes[#changes + 1] = {op = 'C', path = path, data = data, owner = owner}
end

-- Makes a node and its ancestors where they are missing; false where one of them is ephemeral.
local function make(path)
  if look(path).exists then return not look(path).owner end
  if path ~= '/' and not make((split(path))) then return false end
  add(path, '')
  return true
end

local function hasChildren(path)
  if added[path] then return true end
  local key, first = childrenOf(path), 0
  while true do
    local names = call('ZRANGE', key, first, first + PAGE - 1)
    for _, name in ipairs(names) do
      if look(under(path) .. name).exists then return true end
    end
    if #names < PAGE then return false end
    first = first + PAGE
  end
end

local function bury()
  for first = 1, #dead, 500 do
    apply({unpack(dead, first, math.min(first + 499, #dead))})
  end
  dead = {}
end
`;

/**
 * Replies that may be asked for again. A request that carries a tag and whose reply was lost is sent once more with "again": it
 * gets the reply that the first one left, or takes its place; the first one, should it arrive later still, then finds that reply.
 */
const receipts = `
local function answered(id, tag)
  local reply = tag ~= '' and call('HGET', B .. ':r:' .. id, tag)
  return reply and cmsgpack.unpack(reply)
end

local function answer(id, tag, reply)
  if tag ~= '' then call('HSET', B .. ':r:' .. id, tag, cmsgpack.pack(reply)) end
  return reply
end

local function settle(id, tags)
  for tag in tags:gmatch('%x+') do call('HDEL', B .. ':r:' .. id, tag) end
end
`;

/** The commonest commit, a set of a node that nobody watches, before anything else is made ready: that would cost more than it. */
const plainSet = `
if ARGV[8] == 'set' and not ARGV[13] and ARGV[6] == '' and alive(ARGV[2]) then
  local path = ARGV[9]
  local value, owner = node(path)
  local before, create
  if value then before, create = value:match('^e?(%d+) (%d+) ') end
  local fits = value and (ARGV[11] == '' or ARGV[11] == before)
  if fits and call('EXISTS', B .. ':w:' .. path, B .. ':w:' .. split(path)) == 0 then
    local version, rev = before + 1, bump()
    local header = (owner and 'e' or '') .. version .. ' ' .. create .. ' ' .. text(rev) .. '\\n'
    call('HSET', NODES, path, header .. ARGV[10])
    return {0, rev, version}
  end
end
`;

/**
 * name, session, tag, again, settled tags, guard's path, guard's revision, then for each operation: type, path, data, version,
 * flags -> 0, revision, (version of a set, else 0)... | 1, code, path, index | -1
 */
export const commit = script(
  "commit",
  base,
  counting,
  plainSet,
  reading,
  tree,
  judging,
  receipts,
  `
local id, tag, again = ARGV[2], ARGV[3], ARGV[4]
if not alive(id) then return {-1} end
local before = answered(id, tag)
if before then return before end

local function refuse(code, path, index)
  bury()
  local reply = {1, code, path, index}
  if again == '1' then answer(id, tag, reply) end
  return reply
end

local guard = ARGV[6]
if guard ~= '' then
  local parent, name = split(guard)
  if call('HGET', OWNERS, guard) ~= id or call('ZSCORE', childrenOf(parent), name) ~= ARGV[7] then
    return refuse('NOT_HELD', guard, -1)
  end
end

local results = {0, 0}
for at = 8, #ARGV, 5 do
  local op, path, data, version, flags = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4]
  local index = (at - 8) / 5
  local result = 0
  if op == 'create' then
    local parent = split(path)
    if flags:find('p') and not make(parent) then return refuse('EPHEMERAL_PARENT', path, index) end
    local above = look(parent)
    if not above.exists then return refuse('NO_NODE', parent, index) end
    if look(path).exists then return refuse('NODE_EXISTS', path, index) end
    if above.owner then return refuse('EPHEMERAL_PARENT', path, index) end
    add(path, data, flags:find('e') and id or nil)
  else
    local found = look(path, op == 'set' or version ~= '')
    if op == 'absent' then
      if found.exists then return refuse('NODE_EXISTS', path, index) end
    else
      if not found.exists then return refuse('NO_NODE', path, index) end
      if version ~= '' and found.version ~= tonumber(version) then
        return refuse('BAD_VERSION', path, index)
      end
      if op == 'set' then
        result = found.version + 1
        found.version = result
        changes[#changes + 1] =
          {op = 'S', path = path, data = data, version = result, create = found.create, owner = found.owner}
      elseif op == 'delete' then
        if hasChildren(path) then return refuse('NOT_EMPTY', path, index) end
        seen[path] = {exists = false}
        changes[#changes + 1] = {op = 'D', path = path, owner = found.owner}
      end
    end
  end
  results[#results + 1] = result
end

bury()
if #changes == 0 then
  results[2] = revision()
  return results
end
results[2] = apply(changes)
settle(id, ARGV[5])
return answer(id, tag, results)
`,
);

/** Who stands ahead in a line: entries with the label asked for, nearest first, up to a limit. */
const standing = `
local function labelOf(name)
  local label, tag = name:match('^([a-z0-9%-]+)%-(%x+)$')
  return tag and #tag == 20 and label
end

local function ahead(line, score, label, limit, reply)
  local key, first, prefix = childrenOf(line), 0, under(line)
  local found = 0
  while found < limit do
    local names = call('ZREVRANGEBYSCORE', key, '(' .. score, '-inf', 'LIMIT', first, 64)
    for _, name in ipairs(names) do
      local own = labelOf(name)
      if own and (label == '' or own == label) and found < limit then
        local owner = call('HGET', OWNERS, prefix .. name)
        if owner and alive(owner) then
          found = found + 1
          reply[#reply + 1] = name
        end
      end
    end
    if #names < 64 then break end
    first = first + 64
  end
  return reply
end
`;

/** name, session, tag, again, settled tags, line, entry's name, data, label, limit -> 0, revision, names ahead... | 1, code, path, -1 | -1 */
export const enqueue = script(
  "enqueue",
  base,
  reading,
  counting,
  tree,
  judging,
  receipts,
  standing,
  `
local id, tag, again, line, name = ARGV[2], ARGV[3], ARGV[4], ARGV[6], ARGV[7]
if not alive(id) then return {-1} end
local before = answered(id, tag)
if before then return before end
if not make(line) then
  bury()
  local reply = {1, 'EPHEMERAL_PARENT', line, -1}
  return again == '1' and answer(id, tag, reply) or reply
end
add(under(line) .. name, ARGV[8], id)
bury()
local rev = apply(changes)
settle(id, ARGV[5])
return answer(id, tag, ahead(line, text(rev), ARGV[9], tonumber(ARGV[10]), {0, rev}))
`,
);

/** name, session, line, entry's name, its revision, label, limit -> 0 when it is gone | 1, names ahead... | -1 */
export const standingOf = script(
  "standing",
  base,
  reading,
  standing,
  `
local id, line, name, score = ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if not alive(id) then return {-1} end
if call('HGET', OWNERS, under(line) .. name) ~= id or call('ZSCORE', childrenOf(line), name) ~= score then
  return {0}
end
return ahead(line, score, ARGV[6], tonumber(ARGV[7]), {1})
`,
);

/** name, line, entry's name, its revision -> 0 */
export const leave = script(
  "leave",
  base,
  reading,
  counting,
  tree,
  `
local line, name = ARGV[2], ARGV[3]
if call('ZSCORE', childrenOf(line), name) == ARGV[4] then
  local path = under(line) .. name
  apply({{op = 'D', path = path, owner = call('HGET', OWNERS, path) or nil}})
end
return {0}
`,
);

/** name, line, limit -> 0, (name, value, owner)... */
export const entries = script(
  "entries",
  base,
  reading,
  standing,
  `
local line, limit = ARGV[2], tonumber(ARGV[3])
local key, first, prefix, reply = childrenOf(line), 0, under(line), {0}
local found = 0
while found < limit do
  local names = call('ZRANGE', key, first, first + 63)
  for _, name in ipairs(names) do
    if labelOf(name) and found < limit then
      local value, owner = node(prefix .. name)
      if value and owner then
        found = found + 1
        reply[#reply + 1] = name
        reply[#reply + 1] = value
        reply[#reply + 1] = owner
      end
    end
  end
  if #names < 64 then break end
  first = first + 64
end
return reply
`,
);
