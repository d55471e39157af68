-- ack_entries: Acknowledges entries of a stream of orders, counts what became of their orders, and moves on what is left.
-- KEYS source     stream that the entries were read from: fresh orders, or those that waited for a node
-- KEYS flow       hash of counters: accepted, persisted, rejected, foreign, later, rate and what it is measured with
-- KEYS set_aside  stream of entries with an order that could not become one
-- ARGV group      consumer group
-- ARGV entries    msgpack list of {entry id, orders persisted, list of {order id or empty, reason}, list of {node, ids
--                 with commas between, their number}}; without an order id nothing was ever admitted
-- ARGV is_fresh   1 when source has the orders as they were admitted, else 0
-- ARGV rate       orders a second that the drain managed with this batch, 0 when that says nothing
-- DERIVES later:<node>  stream of entries whose orders wait for the node
-- REPLY counts    three numbers of orders: persisted, rejected, moved on; of the entries that were acknowledged now
local MEASURED_MS, FORGOTTEN_MS = 1000, 5000

local function without(fields, name)
    local kept = {}
    for place = 1, #fields, 2 do
        if fields[place] ~= name then
            table.insert(kept, fields[place])
            table.insert(kept, fields[place + 1])
        end
    end
    return kept
end

local written, refused, foreign, moved = 0, 0, 0, 0
for _, item in ipairs(cmsgpack.unpack(entries)) do
    local entry_id, persisted, rejected, left = item[1], item[2], item[3], item[4]
    local fields
    if #rejected > 0 or #left > 0 then
        local entry = redis.call("XRANGE", source, entry_id, entry_id)[1]
        fields = entry and without(entry[2], "only")
    end
    -- XACK counts an entry once, whoever repeats the call after a crash or a lost answer. What is left of an entry that
    -- is gone can't be moved: it stays pending, and is reported as lost.
    if (fields or #left == 0) and redis.call("XACK", source, group, entry_id) == 1 then
        written = written + persisted
        for place, verdict in ipairs(rejected) do
            -- The entry itself goes with its first order only: it may hold hundreds.
            redis.call("XADD", set_aside, "*", "entry", entry_id, "order", verdict[1], "reason", verdict[2],
                unpack(place == 1 and fields or {}))
            if verdict[1] ~= "" then
                refused = refused + 1
            else
                foreign = foreign + 1
            end
        end
        for _, part in ipairs(left) do
            local moving = { "only", part[2] }
            for _, value in ipairs(fields) do
                table.insert(moving, value)
            end
            redis.call("XADD", tag .. "later:" .. part[1], "*", unpack(moving))
            moved = moved + part[3]
        end
    end
end

local later = is_fresh == "1" and moved or -(written + refused + foreign)
for name, number in pairs({ persisted = written, rejected = refused, foreign = foreign, later = later }) do
    if number ~= 0 then
        redis.call("HINCRBY", flow, name, number)
    end
end

-- The rate becomes the waiting time that shoppers are told. While others wait behind the batch, it is how fast the fresh
-- orders of this partition move, by all drains together; else only what this batch took says anything.
local function smooth(before, measured, weight)
    local value = before and before * (1 - weight) + measured * weight or measured
    redis.call("HSET", flow, "rate", string.format("%.0f", math.max(value, 1)))
end

local progress = written + refused + moved
if is_fresh == "1" and progress > 0 then
    local facts = redis.call("HMGET", flow, "accepted", "persisted", "rejected", "later", "rate", "rate_from_ms", "rate_done")
    local waiting = (tonumber(facts[1]) or 0) - (tonumber(facts[2]) or 0) - (tonumber(facts[3]) or 0)
        - (tonumber(facts[4]) or 0)
    local before, from_ms = tonumber(facts[5]), tonumber(facts[6])
    local clock = redis.call("TIME")
    local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
    if waiting <= 0 then
        redis.call("HDEL", flow, "rate_from_ms", "rate_done")
        if tonumber(rate) > 0 then
            smooth(before, tonumber(rate), 0.1)
        end
    elseif not from_ms or now < from_ms or now - from_ms > FORGOTTEN_MS then
        redis.call("HSET", flow, "rate_from_ms", string.format("%.0f", now), "rate_done", 0)
        if not before and tonumber(rate) > 0 then
            smooth(before, tonumber(rate), 1)
        end
    else
        local done = (tonumber(facts[7]) or 0) + progress
        if now - from_ms < MEASURED_MS then
            redis.call("HSET", flow, "rate_done", string.format("%.0f", done))
        else
            smooth(before, done * 1000 / (now - from_ms), 0.5)
            redis.call("HSET", flow, "rate_from_ms", string.format("%.0f", now), "rate_done", 0)
        end
    end
end
return { written, refused, moved }
