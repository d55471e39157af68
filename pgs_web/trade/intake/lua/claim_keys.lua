-- claim_keys: Binds members' idempotency keys to the body and the order id that they were first used with.
-- KEYS flow    hash of counters of the members' home partition: claimed; and since which day it has this format
-- ARGV claims  flat msgpack list of texts, seven a claim: member id, its bucket, digest of the key, the key, digest of
--              the body, proposed order id, activity id
-- DERIVES claims:<day>:<bucket>     hash `member:digest of the key` → order id|activity id|digest of the body
-- DERIVES claims_of:<day>:<member>  the same for a member whose bucket of the day is full
-- DERIVES claims:<member>:<day>     hash as an older version wrote it
-- REPLY words  their words with spaces between, and a list of their order ids:
-- REPLY NEW    the key was not used today or yesterday; the proposed order id is bound to it
-- REPLY SAME   the same key and body before, under this order id
-- REPLY REUSED the key is bound to another body; nothing changed
local VALUES_A_CLAIM = 7
local SECONDS_A_DAY = 86400
-- Small hashes are kept packed, which is what makes a claim cost some 80 bytes; and a reader gets whole buckets.
local BUCKET_HOLDS = 256
-- Hexadecimal digits: enough to see that a body is another one; who wants to find two that collide fools only themselves.
local DIGEST_KEPT = 12

local call, match, sub = redis.call, string.match, string.sub
local today = math.floor(tonumber(call("TIME")[1]) / SECONDS_A_DAY)
-- Tomorrow today's buckets are still asked; a day more for orders that wait for a node.
local ends = string.format("%d", (today + 3) * SECONDS_A_DAY)

-- Two days after the first claim in this format nothing is left of the older one. A ledger that never had any has none.
local counters = call("HMGET", flow, "claims_since", "claimed")
local since = tonumber(counters[1])
if not since then
    since = counters[2] and today or today - 2
    call("HSET", flow, "claims_since", string.format("%d", since))
end
local has_old = today - since < 2

local function find_old(member_id, key)
    for day = today, today - 1, -1 do
        local known = call("HGET", tag .. "claims:" .. member_id .. ":" .. day, "k:" .. key)
        if known then
            local digest, order_id, activity_id = match(known, "^([^|]*)|(%d+)|(%d+)")
            return order_id .. "|" .. activity_id .. "|" .. sub(digest, 1, DIGEST_KEPT)
        end
    end
    return nil
end

-- What the field holds, today or yesterday, and the key to write it to otherwise, with how much that key has.
local function find_claim(member_id, bucket, field)
    local key = tag .. "claims:" .. today .. ":" .. bucket
    local known = call("HGET", key, field)
    if known then
        return known
    end
    local length = call("HLEN", key)
    if length >= BUCKET_HOLDS then
        key = tag .. "claims_of:" .. today .. ":" .. member_id
        known = call("HGET", key, field)
        if known then
            return known
        end
        length = call("HLEN", key)
    end
    local before = tag .. "claims:" .. (today - 1) .. ":" .. bucket
    known = call("HGET", before, field)
    if not known and call("HLEN", before) >= BUCKET_HOLDS then
        known = call("HGET", tag .. "claims_of:" .. (today - 1) .. ":" .. member_id, field)
    end
    return known, key, length
end

local values = cmsgpack.unpack(claims)
local words, order_ids, new = {}, {}, 0
for place = 1, #values, VALUES_A_CLAIM do
    local member_id, bucket = values[place], values[place + 1]
    local digest, order_id = sub(values[place + 4], 1, DIGEST_KEPT), values[place + 5]
    local field = member_id .. ":" .. values[place + 2]
    local known, key, length = find_claim(member_id, bucket, field)
    known = known or has_old and find_old(member_id, values[place + 3])
    local word = "NEW"
    if known then
        local old_order_id, old_digest = match(known, "^(%d+)|%d+|(.*)$")
        word = old_digest == digest and "SAME" or "REUSED"
        order_id = old_order_id
    else
        call("HSET", key, field, order_id .. "|" .. values[place + 6] .. "|" .. digest)
        if length == 0 then
            call("EXPIREAT", key, ends)
        end
        new = new + 1
    end
    table.insert(words, word)
    table.insert(order_ids, order_id)
end
if new > 0 then
    call("HINCRBY", flow, "claimed", string.format("%d", new))
end
return { table.concat(words, " "), order_ids }
