-- Why: an append whose outcome is unknown is settled by asking whether its ops are in the log as they were written. By id and seq alone an op that another
-- worker wrote at the same seq, for the same client, is taken for one's own; the chain tells them apart, so the append role may read it.
-- Locks: op, for a moment, against changes of its rights only.
grant select (chain) on op to :"append";
