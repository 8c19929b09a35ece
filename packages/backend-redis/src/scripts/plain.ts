/*
 * The commonest commits, before anything else is made ready: to make the functions of the general case costs the server more
 * than these do. Each of these begins a script whose rest takes over, with the arguments of a commit, where more must be looked at:
 * somebody watches, a node's owner is another session, something does not fit.
 *
 * One EXISTS tells two things: the session's key, counted three times, is there, and neither key of those who watch is.
 */

/** A set of a node that nobody watches, persistent or the session's own. */
export const plainSet = `
local call, B, id, path = redis.call, KEYS[1], ARGV[2], ARGV[3]
do
  local parent = string.match(path, '^(.+)/') or '/'
  local key, watched = B .. ':s:' .. id, B .. ':w:'
  if call('EXISTS', key, key, key, watched .. path, watched .. parent) == 3 then
    local found = call('HMGET', B, path, 'rev')
    local value, rev = found[1], found[2]
    if value and rev then
      local flag, version, create = string.match(value, '^(e?)(%d+) (%d+) ')
      local fits = ARGV[5] == '' or ARGV[5] == version
      if fits and (flag == '' or call('HGET', B .. ':owners', path) == id) then
        version, rev = version + 1, rev + 1
        local revision = string.format('%.0f', rev)
        local header = flag .. version .. ' ' .. create .. ' ' .. revision .. '\\n'
        call('HSET', B, path, header .. ARGV[4], 'rev', revision)
        return {0, rev, version}
      end
    end
  end
end
local ARGV = {ARGV[1], id, '', '0', '', '', '', 'set', path, ARGV[4], ARGV[5], ''}
`;

/** A create of a persistent node below one, where nobody watches. The command that may find a foreign key writes first. */
export const plainCreate = `
local call, B, id, path = redis.call, KEYS[1], ARGV[2], ARGV[3]
do
  local parent, name = string.match(path, '^(.*)/([^/]+)$')
  if parent == '' then parent = '/' end
  local key, watched = B .. ':s:' .. id, B .. ':w:'
  if name and call('EXISTS', key, key, key, watched .. path, watched .. parent) == 3 then
    local found = call('HMGET', B, path, parent, 'rev')
    local above, rev = found[2], found[3]
    if not found[1] and above and string.byte(above) ~= 101 and rev then
      rev = rev + 1
      local revision = string.format('%.0f', rev)
      call('ZADD', B .. ':c:' .. parent, revision, name)
      call('HSET', B, path, '0 ' .. revision .. ' ' .. revision .. '\\n' .. ARGV[4], 'rev', revision)
      return {0, rev, 0}
    end
  end
end
local ARGV = {ARGV[1], id, '', '0', '', '', '', 'create', path, ARGV[4], '', ARGV[5]}
`;
