-- release_lock: Ends a lease, for its owner only.
-- KEYS holder    token of the owner
-- ARGV token     token of the asker
-- REPLY RELEASED the lock is free
-- REPLY LOST     the lease had ended, or is somebody else's; nothing changed
if redis.call("GET", holder) ~= token then
    return "LOST"
end
redis.call("DEL", holder)
return "RELEASED"
