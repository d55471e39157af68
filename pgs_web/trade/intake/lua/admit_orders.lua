-- admit_orders: Judges orders one after the other and reserves, holds and appends each admitted one, all of it or nothing.
-- KEYS intake   stream of admitted orders, one entry a batch
-- KEYS flow     hash of counters: accepted, persisted, rejected, later, rate
-- KEYS changed  set of activities whose stock the database has not seen
-- ARGV orders   flat msgpack list, eight values an order: order id, activity id, member id, quantity, group id to join,
--               group id to open, address id, period of the group; all but the quantity are texts, empty where there is
--               none; without any group id the order is bought alone
-- ARGV rest     flat msgpack list, two values an order: idempotency key, trace id; only passed on
-- ARGV ceiling  waiting orders of the partition beyond which no more come in
-- ARGV spreads  msgpack list activity id, number of its buckets, …, as texts, of those that the caller knows to be spread;
--               else empty
-- DERIVES activity:<activity>  hash of facts
-- DERIVES stock:<activity>     hash total, remain, lock, sold, version, told_sold_out
-- DERIVES bought:<activity>    hash member → units
-- DERIVES holds:<activity>     hash order → packed hold
-- DERIVES groups:<period>      hash group → packed group
-- DERIVES group:<group>        hash of a group's seats, as an older version wrote it
-- REPLY words   their words with spaces between, and a list of their packed holds, empty for those that are not in:
-- REPLY ADMITTED          it is in
-- REPLY REPLAYED          admitted before; nothing changed
-- REPLY UNKNOWN_ACTIVITY  no facts are loaded
-- REPLY NOT_STARTED       before its window
-- REPLY ENDED             its window is over, or it was ended or withdrawn
-- REPLY PAUSED            closed for the moment, or its stock is lost
-- REPLY OTHER_SPREAD      it was loaded over another number of buckets than the caller knows
-- REPLY LIMIT_EXCEEDED    the member would have more units than allowed
-- REPLY UNKNOWN_GROUP     no such group in this activity
-- REPLY GROUP_CLOSED      its deadline is over, or it is decided
-- REPLY ALREADY_IN_GROUP  the member holds a seat in it
-- REPLY GROUP_FULL        no seat is free
-- REPLY SOLD_OUT          fewer units remain than wanted
-- REPLY BACKLOG           too many orders wait to be written down: it may come in later

-- One core runs this for everybody, so it is written for few commands and few new strings an order: what a batch shares
-- is read, made and written once, a text that is the same for many orders is made once, and tables don't grow while they
-- are filled (docs/adr/0011, 0024).
local VALUES_AN_ORDER = 8
-- Facts of a group are needed as long as duplicates of its events may come.
local GROUP_KEPT_MS = 172800000
-- Until the drain has measured itself.
local FIRST_RATE = 200
-- 2024, when ids begin.
local EPOCH_MS = 1704067200000

local call, concat, format, match = redis.call, table.concat, string.format, string.match
local find, sub, ceil, min = string.find, string.sub, math.ceil, math.min

local function whole(number)
    return format("%d", number)
end

local texts = {}
-- For the small numbers that come again and again in a batch.
local function small(number)
    local text = texts[number]
    if not text then
        text = whole(number)
        texts[number] = text
    end
    return text
end

-- Numbers that follow one another have their first digits in common.
local tens, tens_text = -1, ""
local function running(number)
    local last = number % 10
    if number - last ~= tens then
        tens = number - last
        tens_text = tens > 0 and whole(tens / 10) or ""
    end
    return tens_text .. (texts[last] or small(last))
end

-- Mostly whole seconds, which are shorter.
local function duration(ms)
    return ms % 1000 == 0 and small(ms / 1000) .. "s" or whole(ms)
end

local clock = call("TIME")
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local now_text = whole(now)
-- In what is kept an order, times are short ones.
local since_text = whole(now - EPOCH_MS)

-- Everything is read and judged before anything is written: an error in between leaves nothing half done. What several
-- orders of the batch share is read once and kept here, with what the orders before took from it.
local activities, sequence = {}, {}
-- Read from behind its head, of three signs from 16 values on, a list's values come one by one, straight into a table of
-- their size. Before them comes what is left, so the first order begins at 2.
local batch = { cmsgpack.unpack_limit(orders, 100000, string.byte(orders) == 0xdc and 3 or 1) }
local size = (#batch - 1) / VALUES_AN_ORDER

-- A table that needs not grow while it is filled: growing costs more than filling. What is in it means nothing.
local function sized(length)
    return { unpack(batch, 1, length) }
end

local known_spreads = {}
if spreads ~= "" then
    local listed = cmsgpack.unpack(spreads)
    for place = 1, #listed, 2 do
        known_spreads[listed[place]] = listed[place + 1]
    end
end

local function why_shut(id, facts, stock)
    for place = 1, 13 do
        if not facts[place] then
            return "UNKNOWN_ACTIVITY"
        end
    end
    -- Whoever knows another number counts limits, and looks for orders, where they are not.
    if (facts[14] or "1") ~= (known_spreads[id] or "1") then
        return "OTHER_SPREAD"
    end
    facts[14] = nil
    local state = facts[1]
    if state == "ENDED" or state == "WITHDRAWN" or now >= tonumber(facts[3]) then
        return "ENDED"
    end
    if now < tonumber(facts[2]) then
        return "NOT_STARTED"
    end
    if state == "PAUSED" or not (stock[1] and stock[2]) then
        return "PAUSED"
    end
    return nil
end

local function read_activity(id)
    local facts = call("HMGET", tag .. "activity:" .. id, "state", "start_ms", "end_ms", "price_fen",
        "alone_price_fen", "group_size", "member_limit", "group_lasts_ms", "pay_within_ms", "sku_id", "merchant_id",
        "play", "rules_version", "spread")
    local stock = call("HMGET", tag .. "stock:" .. id, "remain", "lock", "version", "told_sold_out")
    -- Mostly a whole batch wants the same.
    local expected = sequence[1] and 0 or size
    local activity = { id = id, shut = why_shut(id, facts, stock), order_ids = sized(expected),
        member_ids = sized(expected), count = 0, judged = 0 }
    if not activity.shut then
        local told, lasts, pay_within = tonumber(stock[4]) or 0, tonumber(facts[8]), tonumber(facts[9])
        activity.member_limit, activity.remain, activity.taken = tonumber(facts[7]), tonumber(stock[1]), 0
        activity.lock, activity.version = tonumber(stock[2]), tonumber(stock[3]) or 0
        activity.told, activity.told_before = told, told
        activity.bought, activity.written = {}, 0
        activity.new_holds, activity.new_bought = sized(expected * 2), sized(expected * 2)
        activity.facts, facts[1] = facts, id
        activity.lasts_ms, activity.pay_within_ms = lasts, pay_within
    end
    activities[id] = activity
    table.insert(sequence, activity)
    return activity
end

-- What a hold says of the time to pay and the price.
local function prepare_terms(pay_within_ms, price)
    return "|" .. since_text .. "|" .. duration(pay_within_ms) .. "|" .. price .. "|"
end

-- Parts of packed groups and holds (packed.py, holds.py) that are the same for all who open a group, or buy alone.
local function prepare_opening(activity)
    local facts = activity.facts
    activity.deadline_ms = now + activity.lasts_ms
    activity.group_head = concat({ activity.id, facts[6], facts[4], facts[13], facts[9], "" }, "|")
    activity.group_tail = concat({ "", since_text, facts[8], "0", "1", "," }, "|")
    activity.opener_terms = prepare_terms(min(activity.pay_within_ms, activity.lasts_ms), facts[4])
end

local function prepare_alone(activity)
    activity.alone_terms = prepare_terms(activity.pay_within_ms, activity.facts[5])
    return activity.alone_terms
end

-- Ids of the groups that are joined, by period; what is found of them comes into `groups`.
local groups, wanted, periods = {}, {}, {}
for place = 2, #batch, VALUES_AN_ORDER do
    local activity = activities[batch[place + 1]] or read_activity(batch[place + 1])
    local count = activity.count + 1
    activity.count = count
    activity.order_ids[count] = batch[place]
    activity.member_ids[count] = batch[place + 2]
    local joined = batch[place + 4]
    if joined ~= "" and groups[joined] == nil then
        groups[joined] = false
        local period = batch[place + 7]
        local ids = wanted[period]
        if not ids then
            ids = {}
            wanted[period] = ids
            table.insert(periods, period)
        end
        ids[#ids + 1] = joined
    end
end
-- Whether a member comes more than once: only orders of one member can be one order.
local has_twins = false
for _, activity in ipairs(sequence) do
    local bought, count = activity.bought, activity.count
    activity.holds = call("HMGET", tag .. "holds:" .. activity.id, unpack(activity.order_ids, 1, count))
    if not activity.shut then
        local units = call("HMGET", tag .. "bought:" .. activity.id, unpack(activity.member_ids, 1, count))
        for place = 1, count do
            local member_id = activity.member_ids[place]
            has_twins = has_twins or bought[member_id] ~= nil
            bought[member_id] = units[place] and tonumber(units[place]) or 0
        end
    end
end

-- INCLUDE groups_joined

local counters = call("HMGET", flow, "accepted", "persisted", "rejected", "later", "rate")
local accepted = tonumber(counters[1]) or 0
local written_down = (tonumber(counters[2]) or 0) + (tonumber(counters[3]) or 0)
-- Orders whose node is away are no longer ahead of anybody.
local passed = written_down + (tonumber(counters[4]) or 0)
local rate = math.max(tonumber(counters[5]) or FIRST_RATE, 1)
local last_ticket = written_down + tonumber(ceiling)
local ticket = accepted

-- Positions only grow within a batch, so the same waiting time holds for a stretch of them.
local eta_ends, eta_text = -1, ""
local function waiting(position)
    if position > eta_ends then
        local eta = ceil(position / rate)
        eta_ends, eta_text = eta * rate, "|" .. whole(passed) .. "|" .. whole(eta) .. "|"
    end
    return eta_text
end

-- The seat that the last one judged asks for.
local seat
-- The word of a refusal, or nil, the units that the member then has, and the group that is joined.
local function judge(activity, member_id, quantity, joined)
    local units = activity.bought[member_id] + quantity
    if units > activity.member_limit then
        return "LIMIT_EXCEEDED"
    end
    local group
    if joined ~= "" then
        group = groups[joined]
        if not group or group.kind.owner ~= activity.id then
            return "UNKNOWN_GROUP"
        end
        if group.closed == "1" or now >= group.deadline_ms then
            return "GROUP_CLOSED"
        end
        seat = "," .. member_id .. ":"
        if find(group.packed, seat, group.behind_held, true) then
            return "ALREADY_IN_GROUP"
        end
        if group.held >= group.kind.size then
            return "GROUP_FULL"
        end
    end
    if activity.remain - activity.taken < quantity then
        -- The smallest quantity that was refused since units last came back: judged by invariant S4.
        if activity.told == 0 or quantity < activity.told then
            activity.told = quantity
        end
        return "SOLD_OUT"
    end
    if ticket >= last_ticket then
        return "BACKLOG"
    end
    return nil, units, group
end

local new_groups, new_periods = {}, {}
local function keep_group(period, id, packed, ends_ms)
    local fields = new_groups[period]
    if not fields then
        fields = sized(new_periods[1] and 0 or size * 2)
        fields.count, fields.ends_ms = 0, 0
        new_groups[period] = fields
        table.insert(new_periods, period)
    end
    -- Of two texts of one group the later one wins.
    local count = fields.count
    fields[count + 1], fields[count + 2] = id, packed
    fields.count = count + 2
    if ends_ms > fields.ends_ms then
        fields.ends_ms = ends_ms
    end
end

-- The packed hold, and the verdict as documents.py reads it: A for alone, O for opened, or what the joined group says.
local function admit(place, activity, units, group)
    local order_id, member_id, opened, period = batch[place], batch[place + 2], batch[place + 5], batch[place + 7]
    local verdict, terms, group_id
    if group then
        verdict, terms, group_id = group.head, group.terms, batch[place + 4]
        local held = small(group.held + 1)
        local packed = verdict .. group.closed .. "|" .. held .. "|" .. sub(group.packed, group.behind_held) .. seat
            .. order_id
        group.held, group.packed, group.behind_held = group.held + 1, packed, #verdict + #held + 4
        moved[group_id] = moving[group_id]
        keep_group(period, group_id, packed, moving[group_id] and group.deadline_ms or 0)
    elseif opened ~= "" then
        if not activity.opener_terms then
            prepare_opening(activity)
        end
        verdict, terms, group_id = "O", activity.opener_terms, opened
        local packed = activity.group_head .. member_id .. activity.group_tail .. member_id .. ":" .. order_id
        if groups[opened] == false then
            groups[opened] = read_group(packed)
        end
        keep_group(period, opened, packed, activity.deadline_ms)
    else
        verdict, terms, group_id = "A", activity.alone_terms or prepare_alone(activity), ""
    end
    local quantity = batch[place + 3]
    activity.taken, activity.bought[member_id] = activity.taken + quantity, units
    ticket = ticket + 1
    local position = ticket > passed and ticket - passed or 1
    local hold = "L" .. (texts[quantity] or small(quantity)) .. "|" .. member_id .. "|" .. group_id .. terms .. batch[place + 6] .. "|+"
        .. running(position) .. waiting(position)
    local written, holds, bought = activity.written, activity.new_holds, activity.new_bought
    holds[written + 1], holds[written + 2] = order_id, hold
    bought[written + 1], bought[written + 2] = member_id, texts[units] or small(units)
    activity.written = written + 2
    return hold, verdict
end

local words, answers, verdicts, fresh, number = sized(size), sized(size), sized(size), {}, 0
for place = 2, #batch, VALUES_AN_ORDER do
    number = number + 1
    local order_id, activity = batch[place], activities[batch[place + 1]]
    activity.judged = activity.judged + 1
    local held = activity.holds[activity.judged] or fresh[order_id]
    local word, hold, verdict = activity.shut, "", ""
    if held then
        word, hold = "REPLAYED", held
    elseif not word then
        local refusal, units, group = judge(activity, batch[place + 2], batch[place + 3], batch[place + 4])
        word = refusal
        if not refusal then
            word = "ADMITTED"
            hold, verdict = admit(place, activity, units, group)
            if has_twins then
                fresh[order_id] = hold
            end
        end
    end
    words[number], answers[number], verdicts[number] = word, hold, verdict
end

local all_facts, changed_ids = {}, {}
for _, activity in ipairs(sequence) do
    if activity.written and activity.written > 0 then
        call("HSET", tag .. "stock:" .. activity.id, "remain", whole(activity.remain - activity.taken),
            "lock", whole(activity.lock + activity.taken), "version", whole(activity.version + 1),
            "told_sold_out", whole(activity.told))
        call("HSET", tag .. "holds:" .. activity.id, unpack(activity.new_holds, 1, activity.written))
        call("HSET", tag .. "bought:" .. activity.id, unpack(activity.new_bought, 1, activity.written))
        table.insert(changed_ids, activity.id)
        table.insert(all_facts, activity.facts)
    elseif activity.told ~= activity.told_before then
        call("HSET", tag .. "stock:" .. activity.id, "told_sold_out", whole(activity.told))
    end
end
if #changed_ids > 0 then
    call("SADD", changed, unpack(changed_ids))
end
for _, period in ipairs(new_periods) do
    local key, fields = tag .. "groups:" .. period, new_groups[period]
    call("HSET", key, unpack(fields, 1, fields.count))
    if fields.ends_ms > 0 then
        -- As long as its longest group.
        local expires = whole(fields.ends_ms + GROUP_KEPT_MS)
        call("PEXPIREAT", key, expires, "NX")
        call("PEXPIREAT", key, expires, "GT")
    end
end
for id in pairs(moved) do
    call("DEL", tag .. "group:" .. id)
end

-- The orders as they came, and what became of each: making a document an order would cost more than all the rest.
local admitted = ticket - accepted
if admitted > 0 then
    if admitted * 4 < size then
        -- Mostly refusals: they would only fill the stream.
        local others, kept, kept_others, kept_verdicts = cmsgpack.unpack(rest), {}, {}, {}
        for number, verdict in ipairs(verdicts) do
            if verdict ~= "" then
                for value = 1, VALUES_AN_ORDER do
                    table.insert(kept, batch[(number - 1) * VALUES_AN_ORDER + value + 1])
                end
                table.insert(kept_others, others[number * 2 - 1])
                table.insert(kept_others, others[number * 2])
                table.insert(kept_verdicts, verdict)
            end
        end
        orders, rest, verdicts = cmsgpack.pack(kept), cmsgpack.pack(kept_others), kept_verdicts
    end
    call("XADD", intake, "*", "version", "2", "at", now_text, "facts", cmsgpack.pack(all_facts), "orders", orders,
        "rest", rest, "verdicts", concat(verdicts, ";"))
    call("HINCRBY", flow, "accepted", whole(admitted))
end
return { concat(words, " "), answers }
