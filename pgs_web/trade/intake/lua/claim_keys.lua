-- claim_keys: Binds members' idempotency keys to the body and the order id that they were first used with.
-- KEYS flow    hash of counters of the members' home partition
-- ARGV claims  msgpack list of {member id, key, digest of the body, proposed order id, activity id}
-- DERIVES claims:<member>:<day>  hash `k:<key>` → digest|order id|activity id|claimed ms, `o:<order id>` → activity id
-- DERIVES recent:<member>:<day>  list of `order id|activity id`, newest first
-- REPLY NEW     {NEW, order id}: the key was not used today or yesterday; the proposed order id is bound to it
-- REPLY SAME    {SAME, order id}: the same key and body before, under this order id
-- REPLY REUSED  {REUSED, order id}: the key is bound to another body; nothing changed
local SECONDS_A_DAY = 86400
-- The list is cut now and then, not at every claim.
local RECENT_AT_MOST, RECENT_KEPT = 256, 128

local clock = redis.call("TIME")
local seconds = tonumber(clock[1])
local now_ms = string.format("%.0f", seconds * 1000 + math.floor(tonumber(clock[2]) / 1000))
local today = math.floor(seconds / SECONDS_A_DAY)

local function claim(member_id, key, digest, order_id, activity_id)
    local bucket = tag .. "claims:" .. member_id .. ":" .. today
    local field = "k:" .. key
    local known = redis.call("HGET", bucket, field)
        or redis.call("HGET", tag .. "claims:" .. member_id .. ":" .. (today - 1), field)
    if known then
        local old_digest, old_order_id = string.match(known, "^([^|]*)|(%d+)|")
        return { old_digest == digest and "SAME" or "REUSED", old_order_id }
    end
    redis.call("HSET", bucket, field, digest .. "|" .. order_id .. "|" .. activity_id .. "|" .. now_ms,
        "o:" .. order_id, activity_id)
    local recent = tag .. "recent:" .. member_id .. ":" .. today
    local length = redis.call("LPUSH", recent, order_id .. "|" .. activity_id)
    if length == 1 then
        -- Tomorrow the bucket is still asked; a day more for orders that wait for a node.
        local ends = (today + 3) * SECONDS_A_DAY
        redis.call("EXPIREAT", bucket, ends)
        redis.call("EXPIREAT", recent, ends)
    elseif length > RECENT_AT_MOST then
        redis.call("LTRIM", recent, 0, RECENT_KEPT - 1)
    end
    return { "NEW", order_id }
end

local replies, new = {}, 0
for place, item in ipairs(cmsgpack.unpack(claims)) do
    replies[place] = claim(item[1], item[2], item[3], item[4], item[5])
    if replies[place][1] == "NEW" then
        new = new + 1
    end
end
if new > 0 then
    redis.call("HINCRBY", flow, "claimed", new)
end
return replies
