-- Why: glossd check --repair makes rows again from the log while workers hold what they read from the wrong ones. It counts here; who sees another number than
-- the one it loaded with reads the codebook again and compares each session's state sum.
-- Locks: project, access exclusive for a moment (nothing is rewritten).
alter table project add column repaired bigint not null default 0 check (repaired >= 0);
