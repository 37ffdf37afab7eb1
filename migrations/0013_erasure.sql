-- A person's words can be erased: ops lose payload and salt and keep their leaf, so that the chain still holds; what else has the words is erased by a job.
-- Locks: access exclusive on op, stream and snapshot, for a moment each (nothing is rewritten).
--
-- In the transaction of the redact itself: the ops' own rows, by key, and the annotations' rows, as with every op. That is all that anybody can read of them
-- from then on: the archive's lines of ops that are marked here are not looked at, and a snapshot that has still to be cleaned is not handed out.
-- The archive and the snapshots are rewritten behind it, piece by piece: a segment of 256 ops is as much work as a hundred appends, and nobody should wait for that.

alter table op add column erased_by bigint check (erased_by is null or (erased_by > seq and payload is null)); -- the redact that took its words
alter table stream add column erased_to bigint not null default 0 check (erased_to >= 0); -- the newest op that lost its words: no reader goes on from below

-- Ops whose words may still be in the archive, or in a snapshot from before the redact.
create table erasing (
    stream     uuid not null,
    project    uuid not null,
    seq        bigint not null check (seq > 0),
    annotation uuid not null,
    redact     bigint not null check (redact > seq),
    is_clean   boolean not null default false, -- the archive is; snapshots come behind it
    primary key (stream, seq),
    foreign key (stream, project) references stream (id, project)
);
alter table erasing enable row level security, force row level security;
create policy owner_all on erasing to :"owner" using (true) with check (true);
create policy read_mine on erasing for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
grant select on erasing to :"reader";

-- Called by the append itself. A job that is at work may have looked already: it goes, and a new one begins, unless the scan below was faster.
create function gloss_erase(of_stream uuid, seqs bigint[], annotations uuid[], redacts bigint[]) returns void
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    update op o
       set leaf = coalesce(o.leaf, sha256(o.salt || convert_to(o.payload, 'UTF8'))), payload = null, salt = null, erased_by = e.redact
      from unnest(seqs, redacts) as e (seq, redact)
     where o.stream = of_stream and o.seq = e.seq and o.erased_by is null;
    update stream s set erased_to = greatest(s.erased_to, (select max(e.seq) from unnest(seqs) as e (seq))) where s.id = of_stream;
    insert into erasing (stream, project, seq, annotation, redact)
    select s.id, s.project, e.seq, e.annotation, e.redact
      from unnest(seqs, annotations, redacts) as e (seq, annotation, redact)
      join stream s on s.id = of_stream
    on conflict do nothing;
    delete from job j where j.kind = 'erase' and j.stream = of_stream and j.done_at is null;
    insert into job (kind, stream, project) select 'erase', s.id, s.project from stream s where s.id = of_stream
    on conflict do nothing;
end;

-- One segment of the archive; when those are clean, what snapshots say of some annotations. Gives how many ops it has seen to; 0: nothing is left.
-- The lock is that of gloss_retention_move() and gloss_snapshot_make(): what they are writing while a redact commits is there to be cleaned.
create function gloss_erase_more(of_stream uuid) returns bigint
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
      from (select e.annotation from erasing e where e.stream = of_stream order by e.annotation limit 50) as e;
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

revoke all on function gloss_erase(uuid, bigint[], uuid[], bigint[]), gloss_erase_more(uuid) from public;
grant execute on function gloss_erase(uuid, bigint[], uuid[], bigint[]), gloss_erase_more(uuid) to :"append";

-- As before, but under the lock (0007).
create or replace function gloss_snapshot_make(of_stream uuid, every bigint) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    made bigint;
begin
    perform pg_advisory_xact_lock(7827315, hashtext(of_stream::text));
    with here as materialized (
        select s.*,
               (select (o.payload::jsonb ->> 'codebook')::bigint
                  from op o
                 where o.stream = s.id and o.seq <= s.head and o.payload is not null
                 order by o.seq desc
                 limit 1) as codebook
          from stream s
         where s.id = of_stream and s.kind = 'session' and s.head > 0
           and s.head - greatest(s.retained_from - 1, (select coalesce(max(c.seq), 0) from snapshot c where c.stream = s.id)) >= every),
    begun as (
        insert into snapshot (stream, project, seq, chain, sum, mode, mode_seq, live, codebook)
        select h.id, h.project, h.head, h.chain, h.sum, h.mode, h.mode_seq, h.live, coalesce(h.codebook, 0)
          from here h
        on conflict do nothing
        returning stream, project, seq),
    laid as (
        select b.stream, b.project, b.seq, a.record, a.created_seq, a.id,
               sum(octet_length(a.record)) over (order by a.created_seq, a.id) / 32768 as part
          from begun b
          join annotation a on a.stream = b.stream),
    parts as (
        insert into snapshot_part (stream, project, seq, part, records)
        select l.stream, l.project, l.seq, l.part, string_agg(l.record, E'\n' order by l.created_seq, l.id)
          from laid l
         group by l.stream, l.project, l.seq, l.part)
    select b.seq into made from begun b;
    if made is null then
        return 0;
    end if;
    if gloss_snapshot_sum(of_stream, made) <> (select c.sum from snapshot c where c.stream = of_stream and c.seq = made) then
        raise exception 'the annotations do not have the sum that the stream says at seq %; nothing is archived, run glossd check', made
            using errcode = 'data_corrupted';
    end if;
    return made;
end $$;

-- As before, and an erasure whose job was given up gets a new one, after a day.
create or replace function gloss_retention_scan(keep_ops bigint, keep_days bigint, every bigint) returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    with due as (
        select 'retention' as kind, s.id, s.project
          from stream s
         where s.kind = 'session' and keep_ops > 0 and s.head > 0
           and (s.head - greatest(s.retained_from - 1, (select coalesce(max(c.seq), 0) from snapshot c where c.stream = s.id)) >= every
                or s.retained_from - 1 > (select coalesce(max(a.last), 0) from archive a where a.stream = s.id)
                or gloss_retention_cut_of(s.id, keep_ops, keep_days) is not null)
        union all
        select distinct 'erase', e.stream, e.project from erasing e),
    made as (
        insert into job (kind, stream, project)
        select d.kind, d.id, d.project
          from due d
         where not exists (select from job j
                            where j.kind = d.kind and j.stream = d.id and j.failure is not null and j.done_at > clock_timestamp() - interval '1 day')
        on conflict do nothing
        returning id)
    select count(*) from made;
end;

-- As before, but it waits for whoever rewrites the snapshots that it drops before it locks anything, and not with the stream's row in its hands.
create or replace function gloss_retention_cut(of_stream uuid, keep_ops bigint, keep_days bigint) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    cut bigint;
begin
    perform pg_advisory_xact_lock(7827315, hashtext(of_stream::text));
    cut := gloss_retention_cut_of(of_stream, keep_ops, keep_days);
    if cut is null then
        return 0;
    end if;
    if not exists (select from snapshot c
                     join op o on o.stream = c.stream and o.seq = c.seq and o.chain = c.chain
                    where c.stream = of_stream and c.seq = cut) then
        raise exception 'the snapshot at seq % does not have the log''s chain; nothing is archived, run glossd check', cut
            using errcode = 'data_corrupted';
    end if;
    update stream s set retained_from = cut + 1 where s.id = of_stream and s.retained_from <= cut;
    delete from snapshot c where c.stream = of_stream and c.seq < cut;
    return cut + 1;
end $$;
