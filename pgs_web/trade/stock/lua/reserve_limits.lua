-- reserve_limits: Takes units from members' limits for orders that another bucket of their activity will judge.
-- KEYS open    sorted set of orders whose fate isn't known to be final, by the time of their first attempt
-- ARGV wanted  flat msgpack list of texts, five an order: activity id, order id, member id, quantity,
--              name of the attempt
-- DERIVES activity:<activity>  hash of facts
-- DERIVES stock:<activity>     hash whose being there is asked
-- DERIVES bought:<activity>    hash member → units
-- DERIVES away:<activity>      hash order → member|units|attempts, each with a comma
-- REPLY words  their words with spaces between:
-- REPLY RESERVED  the units count as the member's until they are returned; once an order, however many attempts there are
-- REPLY LIMIT     the member would have more units than allowed; nothing changed
-- REPLY MISSING   no facts are loaded, or the stock is lost; nothing changed
local VALUES_AN_ORDER = 5

local clock = redis.call("TIME")
local now = string.format("%d", tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000))
local values = cmsgpack.unpack(wanted)

-- What a batch shares is read and written once, as in admit_orders.
local activities, sequence = {}, {}
for place = 1, #values, VALUES_AN_ORDER do
    local activity = activities[values[place]]
    if not activity then
        activity = { id = values[place], order_ids = {}, member_ids = {}, away = {}, bought = {}, new_away = {}, new_bought = {} }
        activities[values[place]] = activity
        table.insert(sequence, activity)
    end
    table.insert(activity.order_ids, values[place + 1])
    table.insert(activity.member_ids, values[place + 2])
end
for _, activity in ipairs(sequence) do
    -- While a lost stock is rebuilt, limits are counted anew: what is taken now would be forgotten.
    if redis.call("EXISTS", tag .. "stock:" .. activity.id) == 1 then
        activity.limit = tonumber(redis.call("HGET", tag .. "activity:" .. activity.id, "member_limit") or "")
    end
    local away = redis.call("HMGET", tag .. "away:" .. activity.id, unpack(activity.order_ids))
    local bought = redis.call("HMGET", tag .. "bought:" .. activity.id, unpack(activity.member_ids))
    for number, order_id in ipairs(activity.order_ids) do
        activity.away[order_id] = away[number] or nil
        activity.bought[activity.member_ids[number]] = tonumber(bought[number] or "0")
    end
end

local words, opened = {}, {}
for place = 1, #values, VALUES_AN_ORDER do
    local activity_id, order_id, member_id, quantity, attempt = unpack(values, place, place + 4)
    local activity = activities[activity_id]
    local known, word = activity.away[order_id], "RESERVED"
    if known then
        -- Somebody sends it a second time: whoever of them is refused must not take the other one's units back.
        if not string.find(known, attempt .. ",", 1, true) then
            activity.away[order_id] = known .. attempt .. ","
            activity.new_away[order_id] = true
        end
    else
        local units = activity.bought[member_id] + tonumber(quantity)
        if not activity.limit then
            word = "MISSING"
        elseif units > activity.limit then
            word = "LIMIT"
        else
            activity.bought[member_id], activity.new_bought[member_id] = units, true
            activity.away[order_id] = member_id .. "|" .. quantity .. "|" .. attempt .. ","
            activity.new_away[order_id] = true
            table.insert(opened, now)
            table.insert(opened, activity_id .. "|" .. order_id)
        end
    end
    table.insert(words, word)
end

for _, activity in ipairs(sequence) do
    local away, bought = {}, {}
    for order_id in pairs(activity.new_away) do
        table.insert(away, order_id)
        table.insert(away, activity.away[order_id])
    end
    for member_id in pairs(activity.new_bought) do
        table.insert(bought, member_id)
        table.insert(bought, string.format("%d", activity.bought[member_id]))
    end
    if #away > 0 then
        redis.call("HSET", tag .. "away:" .. activity.id, unpack(away))
    end
    if #bought > 0 then
        redis.call("HSET", tag .. "bought:" .. activity.id, unpack(bought))
    end
end
if #opened > 0 then
    redis.call("ZADD", open, unpack(opened))
end
return { table.concat(words, " ") }
