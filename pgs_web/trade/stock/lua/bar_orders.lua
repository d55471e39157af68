-- bar_orders: Makes sure that orders without a hold are never admitted, and tells what became of those that have one.
-- KEYS first  hash of one activity's holds; it names the partition
-- ARGV barred  flat msgpack list of texts, three an order: activity id, order id, packed hold of a rejected order
-- DERIVES holds:<activity>  hash order → packed hold
-- REPLY holds  the orders' packed holds, in the order given
local VALUES_AN_ORDER = 3

local values = cmsgpack.unpack(barred)
local packed = {}
for place = 1, #values, VALUES_AN_ORDER do
    -- The activity of `first` comes first, but its key has the same name as any other's.
    local key = place == 1 and first or tag .. "holds:" .. values[place]
    redis.call("HSETNX", key, values[place + 1], values[place + 2])
    table.insert(packed, redis.call("HGET", key, values[place + 1]))
end
return packed
