-- admit_orders: Judges orders one after the other and reserves, holds and appends each admitted one, all of it or nothing.
-- KEYS intake   stream of admitted orders
-- KEYS flow     hash of counters: accepted, persisted, rejected, rate
-- KEYS changed  set of activities whose stock the database has not seen
-- ARGV orders   msgpack list of {order id, activity id, member id, quantity, group id to join, group id to open, address id,
--               idempotency key, trace id}; all but the quantity are texts, empty where there is none; without any group
--               id the order is bought alone
-- ARGV ceiling  waiting orders of the partition beyond which no more come in
-- DERIVES activity:<activity>  hash of facts
-- DERIVES stock:<activity>     hash total, remain, lock, sold, version, told_sold_out
-- DERIVES bought:<activity>    hash member → units
-- DERIVES holds:<activity>     hash order → packed hold
-- DERIVES group:<group>        hash of a group's seats
-- REPLY ADMITTED          {ADMITTED, packed hold}
-- REPLY REPLAYED          {REPLAYED, packed hold}: admitted before; nothing changed
-- REPLY UNKNOWN_ACTIVITY  no facts are loaded
-- REPLY NOT_STARTED       before its window
-- REPLY ENDED             its window is over, or it was ended or withdrawn
-- REPLY PAUSED            closed for the moment, or its stock is lost
-- REPLY LIMIT_EXCEEDED    the member would have more units than allowed
-- REPLY UNKNOWN_GROUP     no such group in this activity
-- REPLY GROUP_CLOSED      its deadline is over, or it is decided
-- REPLY ALREADY_IN_GROUP  the member holds a seat in it
-- REPLY GROUP_FULL        no seat is free
-- REPLY SOLD_OUT          fewer units remain than wanted
-- REPLY BACKLOG           too many orders wait to be written down: it may come in later
local DOCUMENT_VERSION = 1
-- Facts of a group are needed as long as duplicates of its events may come.
local GROUP_KEPT_MS = 172800000
-- Until the drain has measured itself.
local FIRST_RATE = 200

local function whole(number)
    return string.format("%.0f", number)
end

local clock = redis.call("TIME")
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- Everything is read and judged before anything is written: an error in between leaves nothing half done. What several
-- orders of the batch share is read once and kept here, with what the orders before took from it.
local activities, sequence = {}, {}

local function read_activity(id)
    local facts = redis.call("HMGET", tag .. "activity:" .. id, "state", "start_ms", "end_ms", "price_fen",
        "alone_price_fen", "group_size", "member_limit", "group_lasts_ms", "pay_within_ms", "sku_id", "merchant_id",
        "play", "rules_version")
    local stock = redis.call("HMGET", tag .. "stock:" .. id, "remain", "lock", "version", "told_sold_out")
    return {
        id = id,
        is_known = facts[1] and facts[2] and facts[3] and true or false,
        state = facts[1],
        start_ms = tonumber(facts[2]),
        end_ms = tonumber(facts[3]),
        price_fen = tonumber(facts[4]),
        alone_price_fen = tonumber(facts[5]),
        group_size = tonumber(facts[6]),
        member_limit = tonumber(facts[7]),
        group_lasts_ms = tonumber(facts[8]),
        pay_within_ms = tonumber(facts[9]),
        sku_id = facts[10],
        merchant_id = facts[11],
        play = facts[12],
        rules_version = tonumber(facts[13]),
        has_stock = stock[1] and stock[2] and true or false,
        remain = tonumber(stock[1]),
        lock = tonumber(stock[2]),
        version = tonumber(stock[3]) or 0,
        told = tonumber(stock[4]) or 0,
        told_before = tonumber(stock[4]) or 0,
        order_ids = {},
        member_ids = {},
        holds = {},
        bought = {},
        new_holds = {},
        new_bought = {},
    }
end

local batch = cmsgpack.unpack(orders)
for _, order in ipairs(batch) do
    local activity = activities[order[2]]
    if not activity then
        activity = read_activity(order[2])
        activities[order[2]] = activity
        table.insert(sequence, activity)
    end
    table.insert(activity.order_ids, order[1])
    table.insert(activity.member_ids, order[3])
end
for _, activity in ipairs(sequence) do
    local holds = redis.call("HMGET", tag .. "holds:" .. activity.id, unpack(activity.order_ids))
    local bought = redis.call("HMGET", tag .. "bought:" .. activity.id, unpack(activity.member_ids))
    for place, order_id in ipairs(activity.order_ids) do
        activity.holds[order_id] = holds[place]
        activity.bought[activity.member_ids[place]] = tonumber(bought[place]) or 0
    end
end

local counters = redis.call("HMGET", flow, "accepted", "persisted", "rejected", "rate")
local waiting = (tonumber(counters[1]) or 0) - (tonumber(counters[2]) or 0) - (tonumber(counters[3]) or 0)
local rate = math.max(tonumber(counters[4]) or FIRST_RATE, 1)
local documents = {}
local most_waiting = tonumber(ceiling)

local groups = {}
local function find_group(id, activity_id, member_id)
    local seat = "m:" .. member_id
    local group = groups[id]
    if not group then
        local read = redis.call("HMGET", tag .. "group:" .. id, "activity_id", "size", "held", "deadline_ms", "closed",
            "price_fen", "rules_version", "pay_within_ms", "leader_member_id", "opened_ms", seat)
        if not (read[1] and read[2] and read[3] and read[4] and read[6]) then
            return nil
        end
        group = { id = id, activity_id = read[1], size = tonumber(read[2]), held = tonumber(read[3]),
            deadline_ms = tonumber(read[4]), closed = read[5] == "1", price_fen = tonumber(read[6]),
            rules_version = tonumber(read[7]) or 1, pay_within_ms = tonumber(read[8]) or 0, leader = read[9] or "",
            opened_ms = tonumber(read[10]) or 0, seats = { [seat] = read[11] }, new_seats = {}, is_new = false }
        groups[id] = group
    elseif group.seats[seat] == nil then
        group.seats[seat] = redis.call("HGET", tag .. "group:" .. id, seat)
    end
    return group.activity_id == activity_id and group or nil
end

-- The word of a refusal, or nil and the group when the order may come in.
local function judge(order, activity)
    local member_id, quantity, group_id = order[3], order[4], order[5]
    if not activity.is_known then
        return "UNKNOWN_ACTIVITY"
    end
    if activity.state == "ENDED" or activity.state == "WITHDRAWN" or now >= activity.end_ms then
        return "ENDED"
    end
    if now < activity.start_ms then
        return "NOT_STARTED"
    end
    if activity.state == "PAUSED" or not activity.has_stock then
        return "PAUSED"
    end
    if activity.bought[member_id] + quantity > activity.member_limit then
        return "LIMIT_EXCEEDED"
    end
    local group
    if group_id ~= "" then
        group = find_group(group_id, activity.id, member_id)
        if not group then
            return "UNKNOWN_GROUP"
        end
        if group.closed or now >= group.deadline_ms then
            return "GROUP_CLOSED"
        end
        if group.seats["m:" .. member_id] then
            return "ALREADY_IN_GROUP"
        end
        if group.held >= group.size then
            return "GROUP_FULL"
        end
    end
    if activity.remain < quantity then
        -- The smallest quantity that was refused since units last came back: judged by invariant S4.
        if activity.told == 0 or quantity < activity.told then
            activity.told = quantity
        end
        return "SOLD_OUT"
    end
    if waiting + #documents >= most_waiting then
        return "BACKLOG"
    end
    return nil, group
end

local function open_group(id, order, activity)
    local group = { id = id, activity_id = activity.id, size = activity.group_size, held = 0, closed = false,
        deadline_ms = now + activity.group_lasts_ms, price_fen = activity.price_fen, leader = order[3], opened_ms = now,
        rules_version = activity.rules_version, pay_within_ms = activity.pay_within_ms, seats = {}, new_seats = {},
        is_new = true }
    groups[id] = group
    return group
end

local function admit(order, activity, group)
    local order_id, member_id, quantity = order[1], order[3], order[4]
    if not group and order[6] ~= "" then
        group = open_group(order[6], order, activity)
    end
    local unit_price = group and group.price_fen or activity.alone_price_fen
    local pay_by = now + (group and group.pay_within_ms or activity.pay_within_ms)
    if group then
        pay_by = math.min(pay_by, group.deadline_ms)
        group.held = group.held + 1
        group.seats["m:" .. member_id] = order_id
        table.insert(group.new_seats, "m:" .. member_id)
        table.insert(group.new_seats, order_id)
    end
    local amount = unit_price * quantity
    activity.remain = activity.remain - quantity
    activity.lock = activity.lock + quantity
    activity.bought[member_id] = activity.bought[member_id] + quantity
    activity.new_bought[member_id] = activity.bought[member_id]
    local position = math.max(waiting, 0) + #documents + 1
    local packed = table.concat({ "L", whole(quantity), member_id, group and group.id or "", whole(now), whole(pay_by),
        whole(unit_price), whole(amount), group and whole(group.deadline_ms) or "", order[7], whole(position),
        whole(math.ceil(position / rate)), "" }, "|")
    activity.holds[order_id] = packed
    table.insert(activity.new_holds, order_id)
    table.insert(activity.new_holds, packed)
    -- The order of pgs_web/trade/intake/documents.py.
    table.insert(documents, cmsgpack.pack({ DOCUMENT_VERSION, order_id, activity.id, member_id, quantity,
        group and "group" or "alone", group and group.id or "", group and group.leader or "", group and group.size or 0,
        group and group.price_fen or 0, group and group.opened_ms or 0, group and group.deadline_ms or 0,
        group and group.rules_version or activity.rules_version, activity.sku_id, activity.merchant_id, activity.play,
        unit_price, amount, order[7], order[8], now, pay_by, order[9] }))
    return packed
end

local replies = {}
for place, order in ipairs(batch) do
    local activity = activities[order[2]]
    local held = activity.holds[order[1]]
    if held then
        replies[place] = { "REPLAYED", held }
    else
        local refusal, group = judge(order, activity)
        if refusal then
            replies[place] = { refusal }
        else
            replies[place] = { "ADMITTED", admit(order, activity, group) }
        end
    end
end

for _, activity in ipairs(sequence) do
    if #activity.new_holds > 0 then
        redis.call("HSET", tag .. "stock:" .. activity.id, "remain", whole(activity.remain), "lock", whole(activity.lock),
            "version", whole(activity.version + 1), "told_sold_out", whole(activity.told))
        redis.call("HSET", tag .. "holds:" .. activity.id, unpack(activity.new_holds))
        local units = {}
        for member_id, number in pairs(activity.new_bought) do
            table.insert(units, member_id)
            table.insert(units, whole(number))
        end
        redis.call("HSET", tag .. "bought:" .. activity.id, unpack(units))
        redis.call("SADD", changed, activity.id)
    elseif activity.told ~= activity.told_before then
        redis.call("HSET", tag .. "stock:" .. activity.id, "told_sold_out", whole(activity.told))
    end
end
for id, group in pairs(groups) do
    if #group.new_seats > 0 then
        local key = tag .. "group:" .. id
        if group.is_new then
            redis.call("HSET", key, "activity_id", group.activity_id, "size", whole(group.size), "closed", 0,
                "deadline_ms", whole(group.deadline_ms), "price_fen", whole(group.price_fen),
                "rules_version", whole(group.rules_version), "pay_within_ms", whole(group.pay_within_ms),
                "leader_member_id", group.leader, "opened_ms", whole(group.opened_ms))
        end
        redis.call("HSET", key, "held", whole(group.held), unpack(group.new_seats))
        if group.is_new then
            redis.call("PEXPIREAT", key, whole(group.deadline_ms + GROUP_KEPT_MS))
        end
    end
end
for _, document in ipairs(documents) do
    redis.call("XADD", intake, "*", "d", document)
end
if #documents > 0 then
    redis.call("HINCRBY", flow, "accepted", #documents)
end
return replies
