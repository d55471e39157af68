-- trim_behind_groups: Removes the entries of a stream that every one of its groups has acknowledged.
-- KEYS stream    the stream
-- REPLY removed  number of entries removed; 0 without a group, since nobody has read anything

-- Ids are compared as text: their numbers can have 64 bits, more than Lua's numbers hold exactly.
local LARGEST_EXACT = 2 ^ 53

local function is_older(first, second)
    if #first ~= #second then
        return #first < #second
    end
    return first < second
end

local function split(id)
    return string.match(id, "^(%d+)-(%d+)$")
end

local oldest_ms, oldest_sequence
for _, facts in ipairs(redis.call("EXISTS", stream) == 1 and redis.call("XINFO", "GROUPS", stream) or {}) do
    local about = {}
    for place = 1, #facts, 2 do
        about[facts[place]] = facts[place + 1]
    end
    -- What the group still needs starts at its oldest pending entry, or right after the one that it read last.
    local ms, sequence = split(about["last-delivered-id"])
    local pending = redis.call("XPENDING", stream, about.name)
    if pending[1] > 0 then
        ms, sequence = split(pending[2])
    elseif tonumber(sequence) < LARGEST_EXACT then
        sequence = string.format("%.0f", tonumber(sequence) + 1)
    end
    if
        not oldest_ms
        or is_older(ms, oldest_ms)
        or (ms == oldest_ms and is_older(sequence, oldest_sequence))
    then
        oldest_ms, oldest_sequence = ms, sequence
    end
end
if not oldest_ms then
    return 0
end
return redis.call("XTRIM", stream, "MINID", oldest_ms .. "-" .. oldest_sequence)
