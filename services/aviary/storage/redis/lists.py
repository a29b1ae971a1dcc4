"""Timelines in Redis: how a list is kept, and the scripts that are all of what touches one.

A list is a hash, so that it goes as a whole or not at all:

| field | |
| --- | --- |
| `h` | header: epoch (8 bytes), state, token (8), begin of the build (double), follow version (8), floor (8), |
| | last read (double), newest id, newest outside the tails (8 each), rows (4), chunks of either kind (2 each) |
| `d` | of a segment: the stamp of its owner's root |
| `p`, `l` | tails: plain rows of 16 bytes, rows with a reference of 32 |
| `p1` …, `l1` … | chunks of rows; a full tail moves to the end of the last or becomes the next |

Rows are in any order and may repeat. They are cut into chunks because a value takes its allocator's next size, up to a
quarter more, and because an append writes its tail anew; APPEND on a string would double its memory.

The epoch of a group of lists is a key: the life of its server, as Redis names it (`run_id`), and a random nonce. A list
of another nonce is absent, and so is every list while the key is of another life: after a restart from a snapshot, a
failover, or a move to another node, rows may be missing. Removing the key drops the whole group at once.

Segments live as long as their owner's root, a random stamp, which `forget` removes. Ids are compared by halves: a
number of Lua's has 53 bits.
"""

from __future__ import annotations

from aviary.storage.redis.connection import Script

# 127 plain rows; with the allocator's bytes just below its size of 2 KB, as a chunk is below 4 KB.
TAIL_BYTES = 2_032
CHUNK_BYTES = 2 * TAIL_BYTES
# As in the core: longer than that nobody waits for a rebuild.
BUILD_LIMIT_MS = 10_000
# Where it is in a header.
FLOOR = slice(33, 41)

_COMMON = """
local call, sub, pack, unpack_ = redis.call, string.sub, struct.pack, struct.unpack

local function epoch_of(key)
  local life = string.match(call('INFO', 'server'), 'run_id:(%x+)')
  local held = call('GET', key)
  if held and sub(held, 1, #life) == life then return sub(held, #life + 1), life end
  return nil, life
end

local function less(left, right)
  local left_low, left_high = unpack_('<I4I4', left)
  local right_low, right_high = unpack_('<I4I4', right)
  return left_high < right_high or left_high == right_high and left_low < right_low
end

-- 'B' for being built, 'R' for ready; nil for absent.
local function state_of(header, epoch, now_ms, idle_ms)
  if not header or sub(header, 1, 8) ~= epoch or now_ms - unpack_('<d', header, 42) > idle_ms then return nil end
  local state = sub(header, 9, 9)
  if state == 'B' and now_ms - unpack_('<d', header, 18) > BUILD_LIMIT_MS then return nil end
  return state
end

local function token_of(header) return sub(header, 10, 17) end
local function version_of(header) return sub(header, 26, 33) end
local function floor_of(header) return sub(header, 34, 41) end
local function counts_of(header) return unpack_('<c8c8I4I2I2', header, 50) end
local function counts(...) return pack('<c8c8I4I2I2', ...) end

local function is_rooted(root, stamp)
  return not root or stamp and call('GET', root) == stamp
end

local function bag(list, kind, tail, chunks)
  if chunks == 0 then return tail or '' end
  local parts = {}
  for place = 1, chunks do parts[place] = kind .. place end
  parts = call('HMGET', list, unpack(parts))
  parts[chunks + 1] = tail or ''
  return table.concat(parts)
end
""".replace("BUILD_LIMIT_MS", str(BUILD_LIMIT_MS))

# KEYS: epoch, lists. ARGV: now, idle time, active time, id, entry, kind, most rows before trimming, tail's and chunk's
# size. Answers how many took it, and the places of those that are to be trimmed.
APPEND = Script(
    _COMMON
    + """
local now_ms, idle_ms, active_ms = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local id, entry, kind = ARGV[4], ARGV[5], ARGV[6]
local most, tail_bytes, chunk_bytes = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local function holds(rows)
  local from = 1
  while true do
    local at = string.find(rows, id, from, true)
    if not at then return false end
    if (at - 1) % #entry == 0 then return true end
    from = at + 1
  end
end

-- Answers the new number of rows, 0 when it was held already.
local function add(list, header, tail)
  local newest, sealed, rows, plain, long = counts_of(header)
  local chunks = kind == 'p' and plain or long
  if less(newest, id) then
    newest = id
  elseif holds(tail) or not less(sealed, id) and holds(bag(list, kind, '', chunks)) then
    return 0
  end
  -- Whoever was to trim it died or lost every race: it is rebuilt, for it must not grow for ever.
  if rows > 4 * most then
    call('UNLINK', list)
    return 0
  end
  tail = tail .. entry
  if #tail + #entry > tail_bytes then
    local last = chunks > 0 and call('HGET', list, kind .. chunks)
    if last and #last + #tail <= chunk_bytes then
      call('HSET', list, kind .. chunks, last .. tail)
    else
      chunks = chunks + 1
      call('HSET', list, kind .. chunks, tail)
    end
    tail, sealed = '', newest
  end
  if kind == 'p' then plain = chunks else long = chunks end
  call('HSET', list, 'h', sub(header, 1, 49) .. counts(newest, sealed, rows + 1, plain, long), kind, tail)
  return rows + 1
end

local epoch = epoch_of(KEYS[1])
local answer = {0}
if not epoch then return answer end
for place = 2, #KEYS do
  local list = KEYS[place]
  local held = call('HMGET', list, 'h', kind)
  local header = held[1]
  if header then
    if not state_of(header, epoch, now_ms, idle_ms) then
      -- It must stay absent from here on: a clock that lags behind would open a list with a hole.
      call('UNLINK', list)
    elseif now_ms - unpack_('<d', header, 42) <= active_ms and not less(id, floor_of(header)) then
      local rows = add(list, header, held[2] or '')
      if rows > 0 then answer[1] = answer[1] + 1 end
      if rows > most then answer[#answer + 1] = place - 2 end
    end
  end
end
return answer
"""
)

# KEYS: epoch, list, root of a segment. ARGV: now, idle time, version, token, a new nonce.
BEGIN = Script(
    _COMMON
    + """
local now_ms, idle_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local version, token, nonce = ARGV[3], ARGV[4], ARGV[5]
local epoch, life = epoch_of(KEYS[1])
if not epoch then
  epoch = nonce
  call('SET', KEYS[1], life .. nonce)
end
local list, root, none = KEYS[2], KEYS[3], string.rep('\\0', 8)
local now = pack('<d', now_ms)
call('UNLINK', list)
call('HSET', list, 'h', epoch .. 'B' .. token .. now .. version .. none .. now .. counts(none, none, 0, 0, 0))
call('PEXPIRE', list, idle_ms)
if root then
  call('SET', root, nonce, 'NX')
  call('HSET', list, 'd', call('GET', root))
  call('PEXPIRE', root, idle_ms)
end
"""
)

# KEYS: epoch, list, root. ARGV: now, idle time, token, floor, newest id, rows, chunks of plain rows, then all chunks.
# Answers the number of rows; nil when it is not this build's list.
FINISH = Script(
    _COMMON
    + """
local now_ms, idle_ms = tonumber(ARGV[1]), tonumber(ARGV[2])
local token, floor, given_newest = ARGV[3], ARGV[4], ARGV[5]
local given, given_plain = tonumber(ARGV[6]), tonumber(ARGV[7])
local list = KEYS[2]
local held = call('HMGET', list, 'h', 'd')
local header = held[1]
if state_of(header, epoch_of(KEYS[1]), now_ms, idle_ms) ~= 'B' then return nil end
if token_of(header) ~= token or not is_rooted(KEYS[3], held[2]) then return nil end
-- Trimming may have raised the floor while the list was built.
if less(floor, floor_of(header)) then floor = floor_of(header) end
local newest, sealed, rows, plain, long = counts_of(header)
if less(newest, given_newest) then newest = given_newest end
if less(sealed, given_newest) then sealed = given_newest end
for place = 8, #ARGV do
  if place - 7 <= given_plain then
    plain = plain + 1
    call('HSET', list, 'p' .. plain, ARGV[place])
  else
    long = long + 1
    call('HSET', list, 'l' .. long, ARGV[place])
  end
end
header = sub(header, 1, 8) .. 'R' .. sub(header, 10, 33) .. floor .. sub(header, 42, 49)
call('HSET', list, 'h', header .. counts(newest, sealed, rows + given, plain, long))
return rows + given
"""
)

# KEYS: epoch, list, root. ARGV: now, idle time, version. Answers floor and both bags; nil when absent. It is a read.
READ = Script(
    _COMMON
    + """
local now_ms, idle_ms, version = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local list = KEYS[2]
local held = call('HMGET', list, 'h', 'd', 'p', 'l')
local header = held[1]
if state_of(header, epoch_of(KEYS[1]), now_ms, idle_ms) ~= 'R' then return nil end
if version_of(header) ~= version or not is_rooted(KEYS[3], held[2]) then return nil end
if now_ms > unpack_('<d', header, 42) then
  call('HSET', list, 'h', sub(header, 1, 41) .. pack('<d', now_ms) .. sub(header, 50))
end
for place = 2, #KEYS do call('PEXPIRE', KEYS[place], idle_ms) end
local _, _, _, plain, long = counts_of(header)
return {floor_of(header), bag(list, 'p', held[3], plain), bag(list, 'l', held[4], long)}
"""
)

# KEYS: epoch, list. ARGV: now, idle time, version, mark. It is a read. Nil when absent; else a new mark, and then
# nothing when the list is as it was at that mark, what both tails grew by if that is all, or floor and both bags.
COPY = Script(
    _COMMON
    + """
local now_ms, idle_ms, version, known = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], ARGV[4]
local list = KEYS[2]
local held = call('HMGET', list, 'h', 'p', 'l')
local header, plain_tail, long_tail = held[1], held[2] or '', held[3] or ''
if state_of(header, epoch_of(KEYS[1]), now_ms, idle_ms) ~= 'R' or version_of(header) ~= version then return nil end
if now_ms > unpack_('<d', header, 42) then
  call('HSET', list, 'h', sub(header, 1, 41) .. pack('<d', now_ms) .. sub(header, 50))
end
call('PEXPIRE', list, idle_ms)
local _, _, rows, plain, long = counts_of(header)
local mark = sub(header, 1, 41) .. pack('<I4I4I4', rows, #plain_tail, #long_tail)
if mark == known then return {mark} end
if sub(known, 1, 41) == sub(mark, 1, 41) then
  local rows_then, plain_then, long_then = unpack_('<I4I4I4', known, 42)
  -- All that was added is in the tails: none of them was moved into a chunk meanwhile.
  if rows - rows_then == (#plain_tail - plain_then) / 16 + (#long_tail - long_then) / 32
      and plain_then <= #plain_tail and long_then <= #long_tail then
    return {mark, sub(plain_tail, plain_then + 1), sub(long_tail, long_then + 1)}
  end
end
return {mark, floor_of(header), bag(list, 'p', plain_tail, plain), bag(list, 'l', long_tail, long)}
"""
)

# KEYS: epoch, list, root. ARGV: now, idle time, version.
HOLDS = Script(
    _COMMON
    + """
local held = call('HMGET', KEYS[2], 'h', 'd')
if not state_of(held[1], epoch_of(KEYS[1]), tonumber(ARGV[1]), tonumber(ARGV[2])) then return 0 end
if version_of(held[1]) ~= ARGV[3] or not is_rooted(KEYS[3], held[2]) then return 0 end
return 1
"""
)

# KEYS: list. ARGV: token.
ABORT = Script(
    _COMMON
    + """
local header = call('HGET', KEYS[1], 'h')
if header and sub(header, 9, 9) == 'B' and token_of(header) == ARGV[1] then call('UNLINK', KEYS[1]) end
"""
)

# KEYS: list. Answers header and both bags as they are, for trimming; this is no read.
LOOK = Script(
    _COMMON
    + """
local held = call('HMGET', KEYS[1], 'h', 'p', 'l')
if not held[1] then return nil end
local _, _, _, plain, long = counts_of(held[1])
return {held[1], bag(KEYS[1], 'p', held[2], plain), bag(KEYS[1], 'l', held[3], long)}
"""
)

# KEYS: list. ARGV: header as it was seen, floor, newest id, rows, chunks of plain rows, then all chunks.
# Nothing happens when anything was added or read meanwhile: the next append asks for it again.
TRIM = Script(
    _COMMON
    + """
local list = KEYS[1]
local held = call('HMGET', list, 'h', 'd')
local header = held[1]
if header ~= ARGV[1] then return 0 end
local floor, newest, rows, plain = ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local ttl_ms = call('PTTL', list)
header = sub(header, 1, 33) .. floor .. sub(header, 42, 49)
local fields = {'h', header .. counts(newest, newest, rows, plain, #ARGV - 5 - plain)}
if held[2] then
  fields[3] = 'd'
  fields[4] = held[2]
end
for place = 6, #ARGV do
  local number = place - 5
  fields[#fields + 1] = number <= plain and 'p' .. number or 'l' .. number - plain
  fields[#fields + 1] = ARGV[place]
end
call('UNLINK', list)
call('HSET', list, unpack(fields))
call('PEXPIRE', list, ttl_ms)
return 1
"""
)

# KEYS: what is to be gone. Answers how many were there.
UNLINK = Script("return redis.call('UNLINK', unpack(KEYS))")
