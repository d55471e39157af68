-- extend_lock: Starts the time of a lease anew, for its owner only.
-- KEYS holder    token of the owner
-- ARGV token     token of the asker
-- ARGV ttl_ms    how long the lease lasts from now on
-- REPLY EXTENDED the lease was still the asker's
-- REPLY LOST     it had ended, or is somebody else's; nothing changed
if redis.call("GET", holder) ~= token then
    return "LOST"
end
redis.call("PEXPIRE", holder, ttl_ms)
return "EXTENDED"
