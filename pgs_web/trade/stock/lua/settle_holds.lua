-- settle_holds: Moves the units of admitted orders on, each order at most once forwards and once back, in any order of calls.
-- KEYS changed      set of activities whose stock the database has not seen
-- KEYS news         stream of activities whose sale changed for those who keep them in memory
-- ARGV settlements  msgpack list of {activity id, order id, movement, reason}; movements are
--                   CONFIRM lock → sold, RELEASE lock → remain, RETURN sold → remain, REJECT lock → remain with a reason
-- DERIVES stock:<activity>   hash total, remain, lock, sold, version, told_sold_out
-- DERIVES bought:<activity>  hash member → units
-- DERIVES holds:<activity>   hash order → packed hold
-- DERIVES group:<group>      hash of a group's seats; a seat goes with the units unless the group is closed
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
local function hold_of(activity_id, order_id)
    local place = activity_id .. "|" .. order_id
    if holds[place] == nil then
        local packed = redis.call("HGET", tag .. "holds:" .. activity_id, order_id)
        local state, quantity, member, group, rest = string.match(packed or "", "^(%u)|(%d+)|(%d+)|(%d*)|(.*)|[^|]*$")
        holds[place] = state and { key = tag .. "holds:" .. activity_id, order_id = order_id, state = state,
            quantity = tonumber(quantity), member = member, group = group,
            body = quantity .. "|" .. member .. "|" .. group .. "|" .. rest, reason = "" } or false
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

local groups = {}
local function leave_seat(hold)
    if hold.group == "" then
        return
    end
    local key = tag .. "group:" .. hold.group
    local seat = "m:" .. hold.member
    local read = redis.call("HMGET", key, "held", "closed", seat)
    if read[1] and read[2] ~= "1" and read[3] == hold.order_id then
        groups[key] = groups[key] or { held = tonumber(read[1]), seats = {} }
        groups[key].held = groups[key].held - 1
        table.insert(groups[key].seats, seat)
    end
end

local NEXT = { CONFIRM = "S", RELEASE = "R", RETURN = "R", REJECT = "X" }
local function settle(activity_id, order_id, movement, reason)
    local hold = hold_of(activity_id, order_id)
    if not hold then
        return "UNKNOWN"
    end
    local target = NEXT[movement]
    if hold.state == target or (target == "R" and hold.state == "X") then
        return "REPEATED"
    end
    -- A RETURN that overtook its CONFIRM takes the units out of lock; the CONFIRM then finds them gone.
    local from_lock = hold.state == "L"
    local from_sold = hold.state == "S" and movement == "RETURN"
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
    replies[place] = settle(item[1], item[2], item[3], item[4])
end

for activity_id, stock in pairs(stocks) do
    if stock.changed then
        local key = tag .. "stock:" .. activity_id
        redis.call("HSET", key, "remain", whole(stock.remain), "lock", whole(stock.lock), "sold", whole(stock.sold),
            "version", whole(stock.version + 1))
        if stock.given_back then
            -- Who was told "sold out" was told the truth; from now on there is something to sell again.
            redis.call("HSET", key, "told_sold_out", 0)
            if stock.was_short then
                redis.call("XADD", news, "MAXLEN", "~", 1000, "*", "a", activity_id)
            end
        end
        redis.call("SADD", changed, activity_id)
    end
end
for _, hold in pairs(holds) do
    if hold and hold.changed then
        redis.call("HSET", hold.key, hold.order_id, hold.state .. "|" .. hold.body .. "|" .. hold.reason)
    end
end
for _, buyer in pairs(bought) do
    -- Also those who have nothing left: whoever ever bought may repeat an order, and is told what it became.
    redis.call("HSET", buyer.key, buyer.member, whole(math.max(buyer.units, 0)))
end
for key, group in pairs(groups) do
    redis.call("HDEL", key, unpack(group.seats))
    redis.call("HSET", key, "held", whole(math.max(group.held, 0)))
end
return replies
