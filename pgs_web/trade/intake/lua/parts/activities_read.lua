-- activities_read: A part of admit_orders: reads the activities that a batch wants, and prepares what their orders share.

local known_spreads = {}
if spreads ~= "" then
    local listed = cmsgpack.unpack(spreads)
    for place = 1, #listed, 2 do
        known_spreads[listed[place]] = listed[place + 1]
    end
end

local function why_shut(id, facts, stock)
    for place = 1, 13 do
        if not facts[place] then
            return "UNKNOWN_ACTIVITY"
        end
    end
    -- Whoever knows another number counts limits, and looks for orders, where they are not.
    if (facts[14] or "1") ~= (known_spreads[id] or "1") then
        return "OTHER_SPREAD"
    end
    facts[14] = nil
    local state = facts[1]
    if state == "ENDED" or state == "WITHDRAWN" or now >= tonumber(facts[3]) then
        return "ENDED"
    end
    if now < tonumber(facts[2]) then
        return "NOT_STARTED"
    end
    if state == "PAUSED" or not (stock[1] and stock[2]) then
        return "PAUSED"
    end
    return nil
end

local function read_activity(id)
    local facts = call("HMGET", tag .. "activity:" .. id, "state", "start_ms", "end_ms", "price_fen",
        "alone_price_fen", "group_size", "member_limit", "group_lasts_ms", "pay_within_ms", "sku_id", "merchant_id",
        "play", "rules_version", "spread")
    local stock = call("HMGET", tag .. "stock:" .. id, "remain", "lock", "version", "told_sold_out")
    -- Mostly a whole batch wants the same.
    local expected = sequence[1] and 0 or size
    -- `units` are the members' before the batch, `bought` those whom it gave some.
    local activity = { id = id, shut = why_shut(id, facts, stock), order_ids = sized(expected),
        member_ids = sized(expected), count = 0, judged = 0, units = {}, bought = {}, written = 0 }
    if not activity.shut then
        local told, lasts, pay_within = tonumber(stock[4]) or 0, tonumber(facts[8]), tonumber(facts[9])
        activity.member_limit, activity.remain = tonumber(facts[7]), tonumber(stock[1])
        activity.left = activity.remain
        activity.lock, activity.version = tonumber(stock[2]), tonumber(stock[3]) or 0
        activity.told, activity.told_before = told, told
        activity.new_holds, activity.new_bought = sized(expected * 2), sized(expected * 2)
        activity.facts, facts[1] = facts, id
        activity.lasts_ms, activity.pay_within_ms = lasts, pay_within
    end
    activities[id] = activity
    table.insert(sequence, activity)
    return activity
end

-- What a hold says of the time to pay and the price.
local function prepare_terms(pay_within_ms, price)
    return "|" .. since_text .. "|" .. duration(pay_within_ms) .. "|" .. price .. "|"
end

-- Parts of packed groups and holds (packed.py, holds.py) that are the same for all who open a group, or buy alone.
local function prepare_opening(activity)
    local facts = activity.facts
    activity.deadline_ms = now + activity.lasts_ms
    activity.group_head = concat({ activity.id, facts[6], facts[4], facts[13], facts[9], "" }, "|")
    activity.group_tail = concat({ "", since_text, facts[8], "0", "1", "," }, "|")
    activity.opener_terms = prepare_terms(math.min(activity.pay_within_ms, activity.lasts_ms), facts[4])
end

local function prepare_alone(activity)
    activity.alone_terms = prepare_terms(activity.pay_within_ms, activity.facts[5])
    return activity.alone_terms
end
