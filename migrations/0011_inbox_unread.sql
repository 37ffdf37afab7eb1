-- Why: inbox.read marks so many rows a call, the oldest first, and the list of what is unread goes by item: both begin at their rows with this index, however
-- many others there are.
-- Locks: inbox, against writing, while the index is made.
drop index inbox_unread;
create index inbox_unread on inbox (account, item) where read_at is null;
