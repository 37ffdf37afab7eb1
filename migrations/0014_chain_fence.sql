-- Why: a database whose asynchronous standby was promoted has gone back in time, and what is appended then has the same seqs and another chain. So an append
-- is fenced by head and chain, and where streams stand is told with the chain.
-- Locks: stream, for a moment, against changes of its rights only.
grant select (chain) on stream to :"append";

create function gloss_stands(streams uuid[]) returns table (i bigint, head bigint, epoch bigint, chain bytea)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select w.i, s.head, p.epoch, s.chain
      from unnest(streams) with ordinality as w (id, i)
      join stream s on s.id = w.id
      join project p on p.id = s.project;
end;
revoke all on function gloss_stands(uuid[]) from public;
grant execute on function gloss_stands(uuid[]) to :"reader";
