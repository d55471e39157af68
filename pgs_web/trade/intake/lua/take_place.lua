-- take_place: Gives an order that lost its place another one: a seat, and units of the sale where it has none any more.
-- KEYS holds        hash order → packed hold
-- KEYS stock        hash total, remain, lock, sold, version
-- KEYS bought       hash member → units
-- KEYS activity     hash of facts
-- KEYS changed      set of activities whose stock the database has not seen
-- ARGV activity_id  the activity
-- ARGV order_id     the order, as a short text
-- ARGV old_id       its id written out: under it an older version has its hold
-- ARGV wants_units  1 when the order was cancelled and has none, else 0
-- ARGV lost         group whose seat it lost; empty when it was bought alone and needs no seat
-- ARGV joins        flat msgpack list of ids of groups that it may join: the first that takes it is joined
-- ARGV opens        id of the group that it may open when none takes it; empty when it may not
-- DERIVES groups:<period>  hash group → packed group
-- REPLY TAKEN    followed by its group and the packed group, both empty without one; also when it was taken before
-- REPLY WAIT     the units are not yet where the order's state says they go, or the stock is lost: come again
-- REPLY BARRED   it has no hold, was rejected, refunded or given up: it gets nothing any more
-- REPLY SHUT     the sale is not open; nothing changed, as in all that follow
-- REPLY LIMIT    the member would have more units than allowed
-- REPLY SOLD_OUT fewer units remain than it needs
-- REPLY NO_SEAT  none of the groups takes it, and it may open none
local GROUP_KEPT_MS = 172800000
-- 2024, when ids begin.
local EPOCH_MS = 1704067200000
-- The reason of a hold that is not taken up again; settle_holds.lua has it too.
local FINAL = "final"

local call, match = redis.call, string.match

local function whole(number)
    return string.format("%.0f", number)
end

local clock = call("TIME")
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- The four seconds in which a group's id was made, as settle_holds.lua has it.
local function groups_key(group_id)
    local high, low = tonumber(string.sub(group_id, 1, -10)) or 0, tonumber(string.sub(group_id, -9))
    local milliseconds = (high * 15258 + math.floor((high * 51712 + low) / 65536)) % 2199023255552
    return tag .. "groups:" .. string.format("%d", math.floor(milliseconds / 4096))
end

local field = order_id
local packed = call("HGET", holds, field)
if not packed then
    field = old_id
    packed = call("HGET", holds, field) or ""
end
local state, quantity, member, group, times, unit, rest, reason =
    match(packed, "^(%u)(%d+)|(%d+)|(%d*)|(%d+|%d+s?)|(%d+)|(.*)|([^|]*)$")
if not state or state == "X" or (state == "R" and reason == FINAL) then
    return { "BARRED", "", "" }
end
local needs_units = wants_units == "1"
if state == "S" and (needs_units or group ~= lost) then
    return { "TAKEN", group, group ~= "" and call("HGET", groups_key(group), group) or "" }
end
if state == "L" or (needs_units and reason == FINAL) then
    return { reason == FINAL and "BARRED" or "WAIT", "", "" }
end
if state == "R" and not needs_units then
    return { "BARRED", "", "" }
end

local facts = call("HMGET", activity, "state", "start_ms", "end_ms", "price_fen", "group_size", "member_limit",
    "group_lasts_ms", "pay_within_ms", "rules_version")
local is_open = facts[1] == "RUNNING" and facts[9] and now >= tonumber(facts[2]) and now < tonumber(facts[3])
-- Its running groups are about to fail: who moved into one would only lose the next seat.
if facts[1] == "WITHDRAWN" then
    return { "SHUT", "", "" }
end
local units = tonumber(quantity)
local figures, has = {}, 0
if needs_units then
    if not is_open then
        return { "SHUT", "", "" }
    end
    figures = call("HMGET", stock, "remain", "sold", "version")
    if not (figures[1] and figures[2]) then
        return { "WAIT", "", "" }
    end
    has = tonumber(call("HGET", bought, member) or "0")
    if has + units > tonumber(facts[6]) then
        return { "LIMIT", "", "" }
    end
    if tonumber(figures[1]) < units then
        return { "SOLD_OUT", "", "" }
    end
end

-- A seat at the price that was paid, in a group that admission would let it join.
local joined, key, text = "", nil, nil
local function find_seat()
    for _, id in ipairs(cmsgpack.unpack(joins)) do
        local its_key = groups_key(id)
        local head, owner, size, price, opened_ms, lasts_ms, closed, held, seats = match(call("HGET", its_key, id) or "",
            "^((%d+)|(%d+)|(%d+)|%d+|%d+|%d+|(%d+)|(%d+)|)(%d)|(%d+)|(.*)$")
        if head and owner == activity_id and price == unit and closed == "0" and tonumber(held) < tonumber(size)
            and now < EPOCH_MS + tonumber(opened_ms) + tonumber(lasts_ms)
            and not string.find(seats, "," .. member .. ":", 1, true) then
            joined, key = id, its_key
            text = head .. "0|" .. whole(tonumber(held) + 1) .. "|" .. seats .. "," .. member .. ":" .. order_id
            return nil
        end
    end
    return true
end
local ends_ms
if lost ~= "" and find_seat() then
    if opens == "" then
        return { "NO_SEAT", "", "" }
    end
    if not is_open or facts[4] ~= unit then
        return { "SHUT", "", "" }
    end
    joined, key, ends_ms = opens, groups_key(opens), now + tonumber(facts[7]) + GROUP_KEPT_MS
    text = table.concat({ activity_id, facts[5], facts[4], facts[9], facts[8], member, whole(now - EPOCH_MS), facts[7],
        "0", "1", "," .. member .. ":" .. order_id }, "|")
end

if needs_units then
    call("HSET", stock, "remain", whole(tonumber(figures[1]) - units), "sold", whole(tonumber(figures[2]) + units),
        "version", whole(tonumber(figures[3] or "0") + 1))
    call("HSET", bought, member, whole(has + units))
    call("SADD", changed, activity_id)
end
call("HSET", holds, field, table.concat({ "S" .. quantity, member, joined, times, unit, rest, "" }, "|"))
if key then
    call("HSET", key, joined, text)
    if ends_ms then
        call("PEXPIREAT", key, whole(ends_ms), "NX")
        call("PEXPIREAT", key, whole(ends_ms), "GT")
    end
end
return { "TAKEN", joined, text or "" }
