import { base, reading } from "./base.js";
import { judging } from "./judging.js";
import { plainCreate, plainSet } from "./plain.js";
import { receipts } from "./receipts.js";
import { script } from "./script.js";
import { counting, tree } from "./tree.js";

const judged = `
local id, tag, again = ARGV[2], ARGV[3], ARGV[4]
if not alive(id) then return {-1} end
local before = answered(id, tag)
if before then return before end

local function refuse(code, path, index)
  bury()
  settle(id, ARGV[5])
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
`;
const parts = [base, counting, reading, tree, judging, receipts, judged];

/**
 * name, session, tag, again, settled tags, guard's path, guard's revision, then for each operation: type, path, data, version,
 * flags -> 0, revision, (version of a set, else 0)... | 1, code, path, index | -1
 */
export const commit = script("commit", ...parts);

/** name, session, path, data, version -> as a commit */
export const set = script("set", plainSet, ...parts);

/** name, session, path, data, flags -> as a commit */
export const create = script("create", plainCreate, ...parts);
