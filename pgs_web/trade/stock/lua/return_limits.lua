-- return_limits: Gives units back to members' limits that were taken for orders in other buckets, once an order.
-- KEYS open      sorted set of orders whose fate isn't known to be final, by the time of their first attempt
-- ARGV returned  flat msgpack list of texts, three an order: activity id, order id, what became of it: the name of an
--                attempt that was refused; GONE, it can't be admitted any more or its units went back; KEPT, it is in
-- DERIVES bought:<activity>  hash member → units
-- DERIVES away:<activity>    hash order → member|units|attempts, each with a comma
-- REPLY DONE     followed by how many orders' units went back now
local VALUES_AN_ORDER = 3

local values = cmsgpack.unpack(returned)
local count = 0
for place = 1, #values, VALUES_AN_ORDER do
    local activity_id, order_id, fate = unpack(values, place, place + 2)
    local away, bought = tag .. "away:" .. activity_id, tag .. "bought:" .. activity_id
    local is_final = fate == "GONE" or fate == "KEPT"
    local member_id, units, attempts = string.match(redis.call("HGET", away, order_id) or "", "^(%d+)|(%d+)|(.*)$")
    if member_id and fate ~= "KEPT" then
        local left = string.gsub(attempts, fate .. ",", "")
        if fate == "GONE" or left == "" then
            local has = tonumber(redis.call("HGET", bought, member_id) or "0")
            redis.call("HSET", bought, member_id, string.format("%d", math.max(has - tonumber(units), 0)))
            redis.call("HDEL", away, order_id)
            count, is_final = count + 1, true
        elseif left ~= attempts then
            redis.call("HSET", away, order_id, member_id .. "|" .. units .. "|" .. left)
        end
    end
    if is_final then
        redis.call("ZREM", open, activity_id .. "|" .. order_id)
    end
end
return { "DONE", count }
