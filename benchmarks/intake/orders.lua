-- wrk's requests: each an order with a key of its own, for the next member and the next activity.
-- Arguments after `--`: a file of heads (one a line: access token, address id), activities (comma separated), the word
-- that keys begin with, milliseconds a connection pauses between answer and order (0: none), and whether each answer is
-- looked at ("each"): by status, and a refusal by its code, which costs wrk as much as the request.
local heads, bodies = {}, {}
local threads = {}

function setup(thread)
    thread:set("number", #threads)
    table.insert(threads, thread)
end

function init(args)
    pause = tonumber(args[4]) or 0
    prefix = args[3]
    local activities = {}
    for id in string.gmatch(args[2], "%d+") do
        table.insert(activities, id)
    end
    local place = 0
    for line in io.lines(args[1]) do
        local access, address = string.match(line, "^(%S+) (%S+)$")
        local activity = activities[place % #activities + 1]
        local body = '{"activity_id":"' .. activity .. '","quantity":1,"address_id":"' .. address .. '"}'
        place = place + 1
        heads[place] = "POST /api/v1/orders/ HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " .. access
            .. "\r\nContent-Type: application/json\r\nContent-Length: " .. #body .. "\r\nIdempotency-Key: "
        bodies[place] = "\r\n\r\n" .. body
    end
    math.randomseed(number + 1)
    -- The threads begin apart, so that no two orders of one member are under way at once.
    turn = number * math.floor(#heads / 2)
    sent = 0
    counted = {}
    if args[5] == "each" then
        response = count_answer
    end
end

function count_answer(status, headers, body)
    local word = string.match(body, '"code":"([a-z_]+)"') or string.match(body, '"state":"([A-Z_]+)"') or ""
    local kind = status .. " " .. word
    counted[kind] = (counted[kind] or 0) + 1
end

function request()
    turn = turn % #heads + 1
    sent = sent + 1
    return heads[turn] .. prefix .. number .. "-" .. sent .. bodies[turn]
end

function delay()
    return pause > 0 and math.random(0, 2 * pause) or 0
end

function done(summary, latency)
    local kinds = {}
    for _, thread in ipairs(threads) do
        for kind, times in pairs(thread:get("counted")) do
            kinds[kind] = (kinds[kind] or 0) + times
        end
    end
    local words = {}
    for kind, times in pairs(kinds) do
        table.insert(words, string.format('"%s": %d', kind, times))
    end
    io.write(string.format(
        'JSON {"answers": %d, "seconds": %.6f, "refused": %d, "broken": %d, "p50_ms": %.3f, "p99_ms": %.3f, "kinds": {%s}}\n',
        summary.requests, summary.duration / 1e6, summary.errors.status,
        summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, table.concat(words, ", ")))
end
