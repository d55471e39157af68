-- bar_orders: Makes sure that orders without a hold are never admitted, and tells what became of those that have one.
-- KEYS first  hash of one activity's holds; it names the partition
-- ARGV barred  flat msgpack list of texts, four an order: activity id, order id as a short text, packed hold of a rejected
--              order, order id written out: under it an older version has its hold
-- DERIVES holds:<activity>  hash order → packed hold
-- REPLY holds  the orders' packed holds, in the order given
local VALUES_AN_ORDER = 4

local values = cmsgpack.unpack(barred)
local packed = {}
for place = 1, #values, VALUES_AN_ORDER do
    -- The activity of `first` comes first, but its key has the same name as any other's.
    local key = place == 1 and first or tag .. "holds:" .. values[place]
    local short = values[place + 1]
    local known = redis.call("HGET", key, short) or redis.call("HGET", key, values[place + 3])
    if not known then
        known = values[place + 2]
        redis.call("HSET", key, short, known)
    end
    table.insert(packed, known)
end
return packed
