-- Why: an erasure was called through although the row was missing that a snapshot's line should become; the words stayed in the snapshot. And inboxes only grew.
-- Locks: inbox, against writing, while the index is made; ops that tell somebody wait meanwhile.
-- Works with programs from 0014 on.

-- As before (0013), but an annotation without a row keeps its place in `erasing`, and the others go first.
create or replace function gloss_erase_more(of_stream uuid) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    it archive;
    chosen uuid[];
    snapshots bigint[];
    done bigint;
begin
    perform pg_advisory_xact_lock(7827315, hashtext(of_stream::text));
    select a.* into it
      from erasing e
      join archive a on a.stream = e.stream and e.seq between a.first and a.last
     where e.stream = of_stream and not e.is_clean
     order by e.seq
     limit 1;
    if it.stream is not null then
        update archive a
           set ops = (select string_agg(case when o.erased_by is null then l.line else '-' end, E'\n' order by l.i)
                        from string_to_table(it.ops, E'\n') with ordinality as l (line, i)
                        left join op o on o.stream = of_stream and o.seq = it.first + l.i - 1)
         where a.stream = of_stream and a.last = it.last;
        update erasing e set is_clean = true where e.stream = of_stream and e.seq between it.first and it.last;
        get diagnostics done = row_count;
        return done;
    end if;
    select array_agg(distinct e.annotation) into chosen
      from (select e.annotation
              from erasing e
              join annotation a on a.stream = e.stream and a.id = e.annotation
             where e.stream = of_stream
             order by e.annotation
             limit 50) as e;
    if chosen is null and exists (select from erasing e where e.stream = of_stream) then
        raise exception 'annotations whose words are to be erased from snapshots have no row; run glossd check --repair'
            using errcode = 'data_corrupted';
    end if;
    -- What a snapshot says of an annotation becomes what is said of it now: whoever replays the ops behind it leaves a record alone that is newer. That is so for
    -- each line that may have the words of an op, being as new as that itself or by its snapshot; for those from behind the redact as well, since the ops between
    -- two snapshots must still lead from one to the other.
    with cleaned as (
        update snapshot_part p
           set records = (select string_agg(coalesce(a.record, l.line), E'\n' order by l.i)
                            from string_to_table(p.records, E'\n') with ordinality as l (line, i)
                            left join annotation a on a.stream = of_stream and a.id = any (chosen) and a.id = (l.line::json ->> 'id')::uuid
                                 and exists (select
                                               from erasing e,
                                                    lateral (select max(s.value::bigint) as seq from json_each_text(l.line::json -> 'seqs') as s) as said
                                              where e.stream = of_stream and e.annotation = a.id and greatest(p.seq, said.seq) >= e.seq))
         where p.stream = of_stream and p.records like any (select '%"id":' || to_json(w)::text || '%' from unnest(chosen) as w)
        returning p.seq)
    select array_agg(distinct c.seq) into snapshots from cleaned c;
    update snapshot c
       set sum = gloss_snapshot_sum(c.stream, c.seq),
           live = (select count(*)
                     from snapshot_part p, string_to_table(p.records, E'\n') as l (line)
                    where p.stream = c.stream and p.seq = c.seq and (l.line::json ->> 'deleted') is null)
     where c.stream = of_stream and c.seq = any (snapshots);
    delete from erasing e where e.stream = of_stream and e.annotation = any (chosen);
    get diagnostics done = row_count;
    return done;
end $$;

-- Since when inboxes have everything: what is older may have been dropped. One row, or none.
create table inbox_since (
    is_one boolean primary key default true check (is_one),
    at     timestamptz(3) not null
);
alter table inbox_since enable row level security, force row level security;
create policy owner_all on inbox_since to :"owner" using (true) with check (true);

-- Items of inboxes that are older than so many days, read or not, the oldest first; at most so many. Gives how many went.
create index inbox_at on inbox (at);
create function gloss_inbox_prune(older_days bigint, most bigint) returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into inbox_since (at) select now() - older_days * interval '1 day' where older_days > 0
    on conflict (is_one) do update set at = greatest(inbox_since.at, excluded.at);
    with gone as (
        delete from inbox i
         where (i.account, i.item) in (select o.account, o.item
                                         from inbox o
                                        where older_days > 0 and o.at < now() - older_days * interval '1 day'
                                        order by o.at
                                        limit most
                                          for update skip locked)
        returning i.item)
    select count(*) from gone;
end;
revoke all on function gloss_inbox_prune(bigint, bigint) from public;
grant execute on function gloss_inbox_prune(bigint, bigint) to :"append";
