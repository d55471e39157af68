-- forget_unpaid: Takes orders out of what their members have not paid, once each.
-- KEYS unpaid   hash member → unpaid orders, `order id|activity id|attempts;` each
-- ARGV orders   flat msgpack list of texts, four an order: member id, order id as a short text, what became of it:
--               REFUSED, one attempt was, others may be under way; GONE, it was paid or given up; RAN_OUT, its time to pay
--               ran out; order id written out, as an older version has it
-- ARGV hours    for so many hours it is remembered that a member let orders run out
-- DERIVES strikes:<hour>  hash member → orders that the member let run out in that hour since 1970
-- REPLY DONE    followed by how many orders were taken out now
local VALUES_AN_ORDER = 4

local hour = math.floor(tonumber(redis.call("TIME")[1]) / 3600)
local values = cmsgpack.unpack(orders)
local count = 0
for place = 1, #values, VALUES_AN_ORDER do
    local member_id, order_id, fate, old_id = unpack(values, place, place + 3)
    local text = redis.call("HGET", unpaid, member_id) or ""
    if string.find(text, old_id, 1, true) then
        order_id = old_id
    end
    local before, activity_id, attempts, after = string.match(text, "^(.*)" .. order_id .. "|(%d+)|(%d+);(.*)$")
    if before then
        local left = fate == "REFUSED" and tonumber(attempts) - 1 or 0
        if left > 0 then
            text = before .. order_id .. "|" .. activity_id .. "|" .. string.format("%d", left) .. ";" .. after
        else
            text, count = before .. after, count + 1
        end
        if text == "" then
            redis.call("HDEL", unpaid, member_id)
        else
            redis.call("HSET", unpaid, member_id, text)
        end
        -- Only with the order: told twice, it counts once.
        if fate == "RAN_OUT" and tonumber(hours) > 0 then
            local key = tag .. "strikes:" .. string.format("%d", hour)
            redis.call("HINCRBY", key, member_id, 1)
            redis.call("EXPIREAT", key, string.format("%d", (hour + tonumber(hours) + 1) * 3600))
        end
    end
end
return { "DONE", count }
