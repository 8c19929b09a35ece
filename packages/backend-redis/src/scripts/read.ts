import { base, reading } from "./base.js";
import { script } from "./script.js";

/** name, path -> 0 | 1, value, owner */
export const get = script(
  "get",
  `
local value = redis.call('HGET', KEYS[1], ARGV[2])
if not value then return {0} end
if string.byte(value) ~= 101 then return {1, value} end
local owner = redis.call('HGET', KEYS[1] .. ':owners', ARGV[2])
if redis.call('EXISTS', KEYS[1] .. ':s:' .. owner) == 0 then return {0} end
return {1, value, owner}
`,
);

/** name, path, with data? -> 0, revision | 1, revision, (name, create revision[, value, owner])... */
export const children = script(
  "children",
  base,
  reading,
  `
if not present(ARGV[2]) then return {0, revision()} end
return list(ARGV[2], ARGV[3] == '1', {1, revision()})
`,
);

/** name, session, path, kind -> -1 | 0, revision | 1, revision, what kind reads */
export const watch = script(
  "watch",
  base,
  reading,
  `
local id, path, kind = ARGV[2], ARGV[3], ARGV[4]
if not alive(id) then return {-1} end
local watched = B .. ':w:' .. path
local kinds = call('HGET', watched, id) or ''
if not kinds:find(kind, 1, true) then
  call('HSET', watched, id, kinds .. kind)
  call('SADD', B .. ':ws:' .. id, path)
end
if kind == 'n' then
  local value, owner = node(path)
  if not value then return {0, revision()} end
  return {1, revision(), value, owner}
end
if not present(path) then return {0, revision()} end
return list(path, kind == 'd', {1, revision()})
`,
);

/** name, session, path, kind -> 1 */
export const unwatch = script(
  "unwatch",
  base,
  `
local id, path, kind = ARGV[2], ARGV[3], ARGV[4]
local watched = B .. ':w:' .. path
local kinds = call('HGET', watched, id)
if kinds then
  kinds = kinds:gsub(kind, '')
  if kinds == '' then
    call('HDEL', watched, id)
    call('SREM', B .. ':ws:' .. id, path)
  else
    call('HSET', watched, id, kinds)
  end
end
return {1}
`,
);
