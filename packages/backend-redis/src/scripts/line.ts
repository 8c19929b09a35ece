import { base, reading } from "./base.js";
import { judging } from "./judging.js";
import { receipts } from "./receipts.js";
import { script } from "./script.js";
import { counting, tree } from "./tree.js";

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
  settle(id, ARGV[5])
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
