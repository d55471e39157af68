-- settle_holds: Moves the units of admitted orders on, each order at most once forwards and once back, in any order of calls.
-- KEYS changed      set of activities whose stock the database has not seen
-- KEYS news         stream of activities whose sale changed for those who keep them in memory
-- ARGV settlements  msgpack list of {activity id, order id as a short text, movement, reason, order id written out, as an
--                   older version has it}; movements are
--                   CONFIRM lock → sold, RELEASE lock → remain, RETURN sold → remain, REJECT lock → remain with a reason,
--                   FORGO sold → remain, if it is; after RETURN and FORGO an order can't be taken up again
-- DERIVES stock:<activity>   hash total, remain, lock, sold, version, told_sold_out
-- DERIVES bought:<activity>  hash member → units
-- DERIVES holds:<activity>   hash order → packed hold
-- DERIVES groups:<period>    hash group → packed group; a seat goes with the units unless the group is closed
-- DERIVES group:<group>      hash of a group's seats, as an older version wrote it
-- REPLY APPLIED       the units moved now
-- REPLY REPEATED      they had moved before: nothing changed
-- REPLY REFUSED       they went another way before: nothing changed
-- REPLY UNKNOWN       no such hold: nothing changed
-- REPLY NO_STOCK      the stock is lost and must be rebuilt first: nothing changed
-- REPLY INCONSISTENT  a counter would become negative: nothing changed
local function whole(number)
    return string.format("%.0f", number)
end

-- Everything is read and judged before anything is written: an error in between leaves nothing half done.
local stocks = {}
local function stock_of(activity_id)
    local known = stocks[activity_id]
    if not known then
        local read = redis.call("HMGET", tag .. "stock:" .. activity_id, "remain", "lock", "sold", "version", "told_sold_out")
        known = { id = activity_id, remain = tonumber(read[1]), lock = tonumber(read[2]), sold = tonumber(read[3]),
            version = tonumber(read[4]) or 0, changed = false, given_back = false }
        -- Somebody may remember that nothing is left, or not as much as was wanted.
        known.was_short = known.remain == 0 or (tonumber(read[5]) or 0) > 0
        known.is_there = known.remain ~= nil and known.lock ~= nil and known.sold ~= nil
        stocks[activity_id] = known
    end
    return known
end

local holds = {}
local function hold_of(activity_id, order_id, old_id)
    local place = activity_id .. "|" .. order_id
    if holds[place] == nil then
        local packed, field = redis.call("HGET", tag .. "holds:" .. activity_id, order_id), order_id
        if not packed then
            packed, field = redis.call("HGET", tag .. "holds:" .. activity_id, old_id), old_id
        end
        -- An older version wrote one sign more.
        local state, sign, quantity, member, group, rest, reason =
            string.match(packed or "", "^(%u)(|?)(%d+)|(%d+)|(%d*)|(.*)|([^|]*)$")
        holds[place] = state and { key = tag .. "holds:" .. activity_id, field = field, order_id = order_id,
            old_id = old_id, state = state, quantity = tonumber(quantity), member = member, group = group,
            body = sign .. quantity .. "|" .. member .. "|" .. group .. "|" .. rest, reason = reason } or false
    end
    return holds[place]
end

local bought = {}
local function take_back_from_buyer(activity_id, hold)
    local key = tag .. "bought:" .. activity_id
    local place = key .. "|" .. hold.member
    if not bought[place] then
        bought[place] = { key = key, member = hold.member,
            units = tonumber(redis.call("HGET", key, hold.member) or "0") }
    end
    bought[place].units = bought[place].units - hold.quantity
end

-- The four seconds in which a group's id was made, as pgs_web/trade/group/keys.py has it: the 41 bits above the last 16,
-- without their last 12. An id is more than Lua's numbers hold, its halves are not: 10^9 = 15258 * 2^16 + 51712.
local function period_of(group_id)
    local high, low = tonumber(string.sub(group_id, 1, -10)) or 0, tonumber(string.sub(group_id, -9))
    local milliseconds = (high * 15258 + math.floor((high * 51712 + low) / 65536)) % 2199023255552
    return string.format("%d", math.floor(milliseconds / 4096))
end

local groups = {}
local function group_of(id)
    local group = groups[id]
    if group == nil then
        local key = tag .. "groups:" .. period_of(id)
        local head, closed, held, seats =
            string.match(redis.call("HGET", key, id) or "", "^(%d+|%d+|%d+|%d+|%d+|%d+|%d+|%d+|)(%d)|(%d+)|(.*)$")
        group = head and { key = key, head = head, closed = closed, held = tonumber(held), seats = seats .. "," } or false
        groups[id] = group
    end
    return group
end

local old_groups = {}
local function leave_old_seat(hold)
    local key = tag .. "group:" .. hold.group
    local seat = "m:" .. hold.member
    local read = redis.call("HMGET", key, "held", "closed", seat)
    if read[1] and read[2] ~= "1" and read[3] == hold.old_id then
        old_groups[key] = old_groups[key] or { held = tonumber(read[1]), seats = {} }
        old_groups[key].held = old_groups[key].held - 1
        table.insert(old_groups[key].seats, seat)
    end
end

local function leave_seat(hold)
    if hold.group == "" then
        return
    end
    local group = group_of(hold.group)
    if not group then
        return leave_old_seat(hold)
    end
    if group.closed == "1" then
        return
    end
    local seat = "," .. hold.member .. ":"
    local first, last = string.find(group.seats, seat .. hold.order_id .. ",", 1, true)
    if not first then
        first, last = string.find(group.seats, seat .. hold.old_id .. ",", 1, true)
    end
    if first then
        group.held = math.max(group.held - 1, 0)
        group.seats = string.sub(group.seats, 1, first) .. string.sub(group.seats, last + 1)
        group.changed = true
    end
end

local NEXT = { CONFIRM = "S", RELEASE = "R", RETURN = "R", REJECT = "X", FORGO = "R" }
-- The reason of a hold that take_place must not take up again; holds.py has it too.
local FINAL = "final"
local function settle(activity_id, order_id, movement, reason, old_id)
    local hold = hold_of(activity_id, order_id, old_id)
    if not hold then
        return "UNKNOWN"
    end
    local target = NEXT[movement]
    if movement == "FORGO" and (hold.state == "R" or hold.state == "L") then
        -- What is still locked goes when its RELEASE comes, which is not before its seat is free in the database.
        hold.changed = hold.changed or hold.reason ~= FINAL
        hold.reason = FINAL
        return "APPLIED"
    end
    if hold.state == target or (target == "R" and hold.state == "X") then
        return "REPEATED"
    end
    if target == "R" and (movement ~= "RELEASE" or hold.reason == FINAL) then
        reason = FINAL
    end
    -- A RETURN that overtook its CONFIRM takes the units out of lock; the CONFIRM then finds them gone.
    local from_lock = hold.state == "L"
    local from_sold = hold.state == "S" and (movement == "RETURN" or movement == "FORGO")
    if not (from_lock or from_sold) then
        return "REFUSED"
    end
    local stock = stock_of(activity_id)
    if not stock.is_there then
        return "NO_STOCK"
    end
    local units = hold.quantity
    if (from_lock and stock.lock < units) or (from_sold and stock.sold < units) then
        return "INCONSISTENT"
    end
    if from_lock then
        stock.lock = stock.lock - units
    else
        stock.sold = stock.sold - units
    end
    if target == "S" then
        stock.sold = stock.sold + units
    else
        stock.remain = stock.remain + units
        stock.given_back = true
        take_back_from_buyer(activity_id, hold)
        leave_seat(hold)
    end
    stock.changed = true
    hold.state, hold.reason, hold.changed = target, reason, true
    return "APPLIED"
end

local replies = {}
for place, item in ipairs(cmsgpack.unpack(settlements)) do
    replies[place] = settle(item[1], item[2], item[3], item[4], item[5])
end

for activity_id, stock in pairs(stocks) do
    if stock.changed then
        local key = tag .. "stock:" .. activity_id
        redis.call("HSET", key, "remain", whole(stock.remain), "lock", whole(stock.lock), "sold", whole(stock.sold),
            "version", whole(stock.version + 1))
        if stock.given_back then
            -- Who was told "sold out" was told the truth; from now on there is something to sell again.
            redis.call("HSET", key, "told_sold_out", 0, "mark", "")
            if stock.was_short then
                redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
            end
        end
        redis.call("SADD", changed, activity_id)
    end
end
for _, hold in pairs(holds) do
    if hold and hold.changed then
        redis.call("HSET", hold.key, hold.field, hold.state .. hold.body .. "|" .. hold.reason)
    end
end
for _, buyer in pairs(bought) do
    -- Also those who have nothing left: whoever ever bought may repeat an order, and is told what it became.
    redis.call("HSET", buyer.key, buyer.member, whole(math.max(buyer.units, 0)))
end
for id, group in pairs(groups) do
    if group and group.changed then
        redis.call("HSET", group.key, id, group.head .. group.closed .. "|" .. whole(group.held) .. "|"
            .. string.sub(group.seats, 1, -2))
    end
end
for key, group in pairs(old_groups) do
    redis.call("HDEL", key, unpack(group.seats))
    redis.call("HSET", key, "held", whole(math.max(group.held, 0)))
end
return replies
