/**
 * Replies that may be asked for again. A request that carries a tag and whose reply was lost is sent once more with "again": it
 * gets the reply that the first one left, or takes its place; the first one, should it arrive later still, then finds that reply.
 */
export const receipts = `
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
