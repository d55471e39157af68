-- extend_groups: Moves the deadlines of groups of one partition to later moments; an earlier one changes nothing.
-- KEYS first     hash that one of the groups is in; it names the partition
-- ARGV extended  msgpack list of {period, group id, deadline in milliseconds since 1970}, all texts
-- DERIVES groups:<period>  hash group → packed group
-- DERIVES group:<group>    hash of a group's seats, as an older version wrote it
-- REPLY EXTENDED   followed by how many deadlines moved

-- As admit_orders.lua has them.
local GROUP_KEPT_MS = 172800000
local EPOCH_MS = 1704067200000

local function keep_longer(key, deadline)
    redis.call("PEXPIREAT", key, string.format("%d", deadline + GROUP_KEPT_MS), "GT")
end

-- All groups of a period are written at once.
local changes, latest, count = { [first] = {} }, {}, 0
for _, item in ipairs(cmsgpack.unpack(extended)) do
    local key, old, deadline = tag .. "groups:" .. item[1], tag .. "group:" .. item[2], tonumber(item[3])
    -- The seventh value is when it was opened, the eighth how long it lasts (packed.py).
    local head, opened, lasts, rest =
        string.match(redis.call("HGET", key, item[2]) or "", "^(%d+|%d+|%d+|%d+|%d+|%d+|(%d+)|)(%d+)(|.*)$")
    if head then
        local longer = deadline - EPOCH_MS - tonumber(opened)
        if longer > tonumber(lasts) then
            changes[key] = changes[key] or {}
            table.insert(changes[key], item[2])
            table.insert(changes[key], head .. string.format("%d", longer) .. rest)
            latest[key] = math.max(latest[key] or 0, deadline)
            count = count + 1
        end
    else
        local known = redis.call("HGET", old, "deadline_ms")
        if known and deadline > tonumber(known) then
            redis.call("HSET", old, "deadline_ms", item[3])
            keep_longer(old, deadline)
            count = count + 1
        end
    end
end
for key, fields in pairs(changes) do
    if #fields > 0 then
        redis.call("HSET", key, unpack(fields))
        keep_longer(key, latest[key])
    end
end
return { "EXTENDED", count }
