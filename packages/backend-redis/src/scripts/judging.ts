/**
 * Judging what is asked before anything is written. `look` knows what earlier operations of the same commit make of a node. What it
 * finds of sessions that are gone is deleted first, in a commit of its own: nobody could see it any more.
 */
export const judging = `
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
