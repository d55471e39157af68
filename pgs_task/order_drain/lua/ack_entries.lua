-- ack_entries: Acknowledges entries of the intake and counts what became of their orders, each entry once.
-- KEYS intake     stream of admitted orders
-- KEYS flow       hash of counters: persisted, rejected, foreign, rate
-- KEYS set_aside  stream of entries that could not become orders
-- ARGV group      consumer group
-- ARGV persisted  msgpack list of entry ids
-- ARGV rejected   msgpack list of {entry id, order id or empty, reason}; without an order id nothing was ever admitted
-- ARGV rate       orders a second that the drain managed with this batch, 0 when that says nothing
-- REPLY counts    two numbers: entries counted as persisted, and as rejected
local done = cmsgpack.unpack(persisted)
local written = 0
if #done > 0 then
    -- XACK counts an entry once, whoever repeats the call after a crash or a lost answer.
    written = redis.call("XACK", intake, group, unpack(done))
end
local refused, foreign = 0, 0
for _, item in ipairs(cmsgpack.unpack(rejected)) do
    local entry_id, order_id, reason = item[1], item[2], item[3]
    local entry = redis.call("XRANGE", intake, entry_id, entry_id)[1]
    if redis.call("XACK", intake, group, entry_id) == 1 then
        redis.call("XADD", set_aside, "*", "entry", entry_id, "order", order_id, "reason", reason,
            unpack(entry and entry[2] or {}))
        if order_id ~= "" then
            refused = refused + 1
        else
            foreign = foreign + 1
        end
    end
end
if written > 0 then
    redis.call("HINCRBY", flow, "persisted", written)
end
if refused > 0 then
    redis.call("HINCRBY", flow, "rejected", refused)
end
if foreign > 0 then
    redis.call("HINCRBY", flow, "foreign", foreign)
end
local measured = tonumber(rate)
if measured > 0 then
    -- Smoothed over about ten batches: it becomes the waiting time that shoppers are told.
    local before = tonumber(redis.call("HGET", flow, "rate") or measured)
    redis.call("HSET", flow, "rate", string.format("%.0f", before * 0.9 + measured * 0.1))
end
return { written, refused }
