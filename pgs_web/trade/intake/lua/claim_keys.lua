-- claim_keys: Binds members' idempotency keys to the body and the order id that they were first used with.
-- KEYS flow    hash of counters of the members' home partition: claimed; and since which day it has this format
-- ARGV claims  flat msgpack list of texts, seven a claim: member id, its bucket, digest of the key, the key, digest of
--              the body, proposed order id as a short text, activity id
-- ARGV most_unpaid  unpaid orders that a member may have at once; 0: nobody counts them
-- ARGV hours        so many hours back it is looked how many orders a member let run out
-- DERIVES claims:<day>:<bucket>     hash `member:digest of the key` → order id|activity id|digest of the body,
--                                   where an older version wrote ids out and kept more of the digest
-- DERIVES claims_of:<day>:<member>  the same for a member whose bucket of the day is full
-- DERIVES claims:<member>:<day>     hash as an older version wrote it
-- DERIVES unpaid                    hash member → unpaid orders, `order id|activity id|attempts;` each
-- DERIVES strikes:<hour>            hash member → orders that the member let run out in that hour since 1970
-- REPLY words  their words with spaces between, a list of their order ids, and one of how many orders their members let
--              run out, empty where nobody counts:
-- REPLY NEW    the key was not used today or yesterday; the proposed order id is bound to it
-- REPLY SAME   the same key and body before, under this order id
-- REPLY REUSED the key is bound to another body; nothing changed
-- REPLY TOO_MANY  the key is new, and the member has too many unpaid orders; nothing changed
local VALUES_A_CLAIM = 7
local SECONDS_A_DAY = 86400
-- Small hashes are kept packed, which is what makes a claim cost some 80 bytes; and a reader gets whole buckets.
local BUCKET_HOLDS = 256
-- Hexadecimal digits: enough to see that a body is another one; who wants to find two that collide fools only themselves.
local DIGEST_KEPT = 8

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

-- What members have not paid is kept in one hash, so that a batch reads and writes it once; each order with its
-- activity, by which it is found out what became of it, and with the attempts that may still be refused.
local most, unpaid, strikes, touched = tonumber(most_unpaid), {}, {}, {}
if most > 0 then
    local ids = {}
    for place = 1, #values, VALUES_A_CLAIM do
        table.insert(ids, values[place])
    end
    local read = call("HMGET", tag .. "unpaid", unpack(ids))
    for number, member_id in ipairs(ids) do
        unpaid[member_id] = read[number] or ""
        strikes[number] = 0
    end
    local hour = math.floor(tonumber(call("TIME")[1]) / 3600)
    for back = 0, tonumber(hours) - 1 do
        local counts = call("HMGET", tag .. "strikes:" .. string.format("%d", hour - back), unpack(ids))
        for number, count in ipairs(counts) do
            strikes[number] = strikes[number] + (tonumber(count or "0"))
        end
    end
end

local function is_full(member_id)
    local _, count = string.gsub(unpaid[member_id], ";", "")
    return count >= most
end

local function count_attempt(member_id, order_id, activity_id)
    local text = unpaid[member_id]
    local before, attempts, after = match(text, "^(.*)" .. order_id .. "|%d+|(%d+);(.*)$")
    local entry = order_id .. "|" .. activity_id .. "|" .. string.format("%d", (tonumber(attempts) or 0) + 1) .. ";"
    unpaid[member_id] = before and before .. entry .. after or text .. entry
    touched[member_id] = true
end

for place = 1, #values, VALUES_A_CLAIM do
    local member_id, bucket = values[place], values[place + 1]
    local digest, order_id = sub(values[place + 4], 1, DIGEST_KEPT), values[place + 5]
    local field = member_id .. ":" .. values[place + 2]
    local known, key, length = find_claim(member_id, bucket, field)
    known = known or has_old and find_old(member_id, values[place + 3])
    local word = "NEW"
    if known then
        local old_order_id, old_activity_id, old_digest = match(known, "^([^|]+)|(%d+)|(.*)$")
        word = sub(old_digest, 1, DIGEST_KEPT) == digest and "SAME" or "REUSED"
        order_id = old_order_id
        if most > 0 and word == "SAME" then
            count_attempt(member_id, order_id, old_activity_id)
        end
    elseif most > 0 and is_full(member_id) then
        word = "TOO_MANY"
    else
        if most > 0 then
            count_attempt(member_id, order_id, values[place + 6])
        end
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
if next(touched) then
    local fields = {}
    for member_id in pairs(touched) do
        table.insert(fields, member_id)
        table.insert(fields, unpaid[member_id])
    end
    call("HSET", tag .. "unpaid", unpack(fields))
end
return { table.concat(words, " "), order_ids, strikes }
