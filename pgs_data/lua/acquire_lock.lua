-- acquire_lock: Makes the asker the only owner of a lock for a time, with a number larger than any owner's before.
-- KEYS holder      token of the owner, with a time to live
-- KEYS last_fence  number of the last lease; never expires
-- ARGV token       random token of the asker
-- ARGV ttl_ms      how long the lease lasts unless extended
-- REPLY ACQUIRED   followed by the lease's fencing number
-- REPLY HELD       followed by the milliseconds left to its owner
if redis.call("SET", holder, token, "NX", "PX", ttl_ms) then
    return {"ACQUIRED", redis.call("INCR", last_fence)}
end
return {"HELD", redis.call("PTTL", holder)}
