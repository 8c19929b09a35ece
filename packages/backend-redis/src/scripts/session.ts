import { base } from "./base.js";
import { script } from "./script.js";
import { counting, reaping, tree } from "./tree.js";

/** name, run -> 0. What a connection begins with: see `counting`. */
export const meet = script(
  "meet",
  base,
  counting,
  `
local last = call('HMGET', B, 'rev', 'run')
if last[1] and last[2] ~= ARGV[2] then
  -- A full server refuses the first command that may need memory, and this one must pass.
  call('HDEL', B, '')
  leap(tonumber(last[1]), 0)
  call('HSET', B, 'run', ARGV[2])
end
return {0}
`,
);

/** name, run, session, timeout, floor -> 0, revision, ms until the next session is due */
export const open = script(
  "open",
  base,
  counting,
  tree,
  reaping,
  `
local run, id, timeout, floor = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local own, now = clocks()
local last = call('HMGET', B, 'rev', 'run')
local rev = tonumber(last[1])
local root = call('HEXISTS', NODES, '/') == 1
call('ZCARD', B .. ':d')
call('SCARD', B .. ':o:' .. id)
if not rev or last[2] ~= run or rev < floor then
  rev = leap(rev or 0, floor)
  call('HSET', B, 'run', run)
end
if not root then
  local revision = text(rev)
  call('HSET', NODES, '/', '0 ' .. revision .. ' ' .. revision .. '\\n')
end
local first = call('ZRANGE', B .. ':d', 0, 0, 'WITHSCORES')
call('SET', B .. ':s:' .. id, timeout, 'PXAT', own + timeout)
keepClock(own, now)
call('ZADD', B .. ':d', now + timeout, id)
if not first[2] or tonumber(first[2]) > now + timeout then
  -- Those who wait for the next deadline hear that there is an earlier one.
  call('XADD', B .. ':due', 'MAXLEN', '~', 16, '*', 'ms', timeout)
end
return {0, rev, reapDue(now)}
`,
);

/** name, session, timeout, entries read -> 0, ms until the next session is due | -1 */
export const renew = script(
  "renew",
  base,
  counting,
  tree,
  reaping,
  `
local id, timeout, read = ARGV[2], tonumber(ARGV[3]), ARGV[4]
local own, now = clocks()
if call('PEXPIREAT', B .. ':s:' .. id, own + timeout) == 0 then
  -- An end by force has left it a deadline to come.
  if call('ZSCORE', B .. ':d', id) then reap(id) end
  return {-1}
end
call('ZADD', B .. ':d', now + timeout, id)
keepClock(own, now)
if read ~= '0' then call('XTRIM', B .. ':e:' .. id, 'MINID', read .. '-1') end
return {0, reapDue(now)}
`,
);

/** name -> 0, ms until the next session is due */
export const reap = script(
  "reap",
  base,
  counting,
  tree,
  reaping,
  `
local _, now = clocks()
return {0, reapDue(now)}
`,
);

/** name, session -> 0 once all is gone, 1 while there is more */
export const end = script(
  "end",
  base,
  counting,
  tree,
  reaping,
  `
if reap(ARGV[2]) then return {0} end
return {1}
`,
);

/** name, session -> number of the last entry, number of the oldest that is left, last due entry, ms until a session is due */
export const attach = script(
  "attach",
  base,
  counting,
  tree,
  reaping,
  `
local id = ARGV[2]
if not alive(id) then return {-1} end
local oldest = call('XRANGE', B .. ':e:' .. id, '-', '+', 'COUNT', 1)[1]
local due = call('XREVRANGE', B .. ':due', '+', '-', 'COUNT', 1)[1]
local first = call('ZRANGE', B .. ':d', 0, 0, 'WITHSCORES')
local _, now = clocks()
local wait = first[2] and math.max(0, tonumber(first[2]) - now) or -1
return {0, tonumber(call('HGET', B .. ':q', id) or '0'), oldest and oldest[1] or '', due and due[1] or '0-0', wait}
`,
);
