/**
 * What every script begins with. Keys of a namespace with the base key `B`:
 *
 * - `B`                hash: path -> "version createRevision modRevision\n", after an "e" if it is ephemeral, and the data;
 *                      `rev`, the revision; `run`, the server process that gave it; `clock`, the namespace's time when it was last
 *                      seen, and `ahead`, by how much it is ahead of the server's
 * - `B:owners`         hash: path -> session, of ephemeral nodes
 * - `B:c:<path>`       sorted set: names of children by create revision
 * - `B:d`              sorted set: sessions by deadline, in milliseconds of the namespace's clock
 * - `B:s:<session>`    string with an expiry: the session is alive
 * - `B:o:<session>`    set: paths that it owns
 * - `B:r:<session>`    hash: replies that it may ask for again
 * - `B:w:<path>`       hash: session -> what it watches there ("n" node, "c" child names, "d" child nodes)
 * - `B:ws:<session>`   set: paths that it watches
 * - `B:q`              hash: session -> number of its last entry in
 * - `B:e:<session>`    stream: changes that its watches are to hear of
 * - `B:due`            stream: a session was opened that may be the next to end
 */
export const base = `
local B = KEYS[1]
local call = redis.call
local NODES, OWNERS = B, B .. ':owners'
local lives = {}

local function alive(id)
  local known = lives[id]
  if known == nil then
    known = call('EXISTS', B .. ':s:' .. id) == 1
    lives[id] = known
  end
  return known
end

-- The node as it is stored, and its owner; nil where there is none, or its owner is gone.
local function node(path)
  local value = call('HGET', NODES, path)
  if not value then return nil end
  if value:byte() ~= 101 then return value, false end
  local owner = call('HGET', OWNERS, path)
  if not alive(owner) then return nil end
  return value, owner
end
`;

/** Reading: a node whose owner is gone is absent. */
export const reading = `
local PAGE = 1000

local function childrenOf(path)
  return B .. ':c:' .. path
end

local function under(path)
  if path == '/' then return '/' end
  return path .. '/'
end

local function revision()
  return tonumber(call('HGET', B, 'rev') or '0')
end


local function present(path)
  if call('HEXISTS', NODES, path) == 0 then return false end
  local owner = call('HGET', OWNERS, path)
  return not owner or alive(owner)
end

local function list(path, withData, reply)
  local found = call('ZRANGE', childrenOf(path), 0, -1, 'WITHSCORES')
  local prefix = under(path)
  for first = 1, #found, 2 * PAGE do
    local last = math.min(first + 2 * PAGE - 1, #found)
    local paths = {}
    for i = first, last, 2 do paths[#paths + 1] = prefix .. found[i] end
    local owners = call('HMGET', OWNERS, unpack(paths))
    local values = withData and call('HMGET', NODES, unpack(paths))
    for i = 1, #paths do
      local owner = owners[i]
      if not owner or alive(owner) then
        reply[#reply + 1] = found[first + 2 * i - 2]
        reply[#reply + 1] = found[first + 2 * i - 1]
        if withData then
          reply[#reply + 1] = values[i]
          reply[#reply + 1] = owner
        end
      end
    end
  end
  return reply
end
`;
