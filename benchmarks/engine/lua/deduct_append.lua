-- deduct_append: The bare minimum of an admission: deducts each order's units and appends the order, and judges nothing.
-- KEYS stock   hash remain
-- KEYS intake  stream, one entry an order
-- ARGV orders  msgpack list of {quantity, document}
-- REPLY number  orders appended
local batch = cmsgpack.unpack(orders)
for _, order in ipairs(batch) do
    redis.call("HINCRBY", stock, "remain", -order[1])
    redis.call("XADD", intake, "*", "d", order[2])
end
return #batch
