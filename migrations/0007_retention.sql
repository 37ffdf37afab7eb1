-- Retention: snapshots, the archive of old ops, and lasting jobs for helpers; what all of them do is done by functions here.
-- Locks: access exclusive on snapshot, job and op, for a moment each (nothing is rewritten).
--
-- A helper works as the append role, which reads no content: the functions read, prove and move it, and hand out numbers only. A snapshot is made in one
-- statement, so that it is as of one moment without holding up appends. The cut (stream.retained_from) moves first, in a short transaction; then ops below it
-- move into the archive, a segment a transaction. Whatever is interrupted is gone on with: an op is in the log or in the archive, never in both or neither.

-- ---- snapshots, in parts: they are handed out in pages

alter table snapshot drop column records;
alter table snapshot add column live bigint not null default 0 check (live >= 0);
alter table snapshot add column codebook bigint not null default 0 check (codebook >= 0); -- of its newest op

-- Canonical annotation records, one a line, in the order they were made. Numbers of parts may leave some out.
create table snapshot_part (
    stream  uuid not null,
    project uuid not null,
    seq     bigint not null,
    part    bigint not null check (part >= 0),
    records text not null,
    primary key (stream, seq, part),
    foreign key (stream, seq) references snapshot (stream, seq) on delete cascade
);

-- ---- the archive: of each op a line, its salt in hex, a space and the payload; of one that was erased "-". Its row in op keeps the rest.

create table archive (
    stream  uuid not null,
    project uuid not null,
    first   bigint not null check (first > 0),
    last    bigint not null check (last >= first and last - first < 256),
    ops     text not null,
    primary key (stream, last),
    foreign key (stream, project) references stream (id, project)
);

alter table op add column archived boolean check (archived is not true or payload is null); -- a line of the archive has its payload, or says that it was erased

alter table snapshot_part enable row level security, force row level security;
alter table archive enable row level security, force row level security;
create policy owner_all on snapshot_part to :"owner" using (true) with check (true);
create policy owner_all on archive to :"owner" using (true) with check (true);
create policy read_mine on snapshot_part for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on archive for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
grant select on snapshot_part, archive to :"reader";

-- ---- a snapshot of where a session stands now

-- The state sum of a snapshot's parts: SHA-256 of each record, added modulo 2^256; done in eight limbs of 32 bits.
create function gloss_snapshot_sum(of_stream uuid, at_seq bigint) returns bytea
    language plpgsql stable
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    limb bigint[];
    carry bigint := 0;
    digits text := '';
begin
    select array[sum(('x' || substr(d.h, 1, 8))::bit(32)::bigint), sum(('x' || substr(d.h, 9, 8))::bit(32)::bigint),
                 sum(('x' || substr(d.h, 17, 8))::bit(32)::bigint), sum(('x' || substr(d.h, 25, 8))::bit(32)::bigint),
                 sum(('x' || substr(d.h, 33, 8))::bit(32)::bigint), sum(('x' || substr(d.h, 41, 8))::bit(32)::bigint),
                 sum(('x' || substr(d.h, 49, 8))::bit(32)::bigint), sum(('x' || substr(d.h, 57, 8))::bit(32)::bigint)]
      into limb
      from (select encode(sha256(convert_to(l.line, 'UTF8')), 'hex') as h
              from snapshot_part p, string_to_table(p.records, E'\n') as l (line)
             where p.stream = of_stream and p.seq = at_seq
            union all
            select encode(sha256(convert_to('{"mode":"' || c.mode || '","seq":' || c.mode_seq || '}', 'UTF8')), 'hex')
              from snapshot c
             where c.stream = of_stream and c.seq = at_seq and c.mode <> 'shared') as d;
    for i in reverse 8 .. 1 loop
        carry := carry + coalesce(limb[i], 0);
        digits := lpad(to_hex(carry & 4294967295), 8, '0') || digits;
        carry := carry >> 32;
    end loop;
    return decode(digits, 'hex');
end $$;

-- Makes one when the newest is at least so many ops old. Gives its seq, or 0: none was due. It is compared with the stream's sum before it counts.
create function gloss_snapshot_make(of_stream uuid, every bigint) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    made bigint;
begin
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

-- ---- the cut: the newest snapshot that has so many newer ops, and is so many days old

create function gloss_retention_cut_of(of_stream uuid, keep_ops bigint, keep_days bigint) returns bigint
    language sql stable
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select max(c.seq)
      from stream s
      join snapshot c on c.stream = s.id and c.seq >= s.retained_from and c.seq <= s.head - keep_ops
     where s.id = of_stream and s.kind = 'session'
       and (keep_days = 0 -- times never decrease in a stream; one at its place in a canonical payload, of the first op there that was not erased
            or (select substr(o.payload, 57, 24)::timestamptz
                  from op o
                 where o.stream = s.id and o.seq >= c.seq and o.payload is not null
                 order by o.seq
                 limit 1) < clock_timestamp() - keep_days * interval '1 day');
end;

-- Moves it. Gives the seq below which nothing is served any more, or 0: it stays. The stream's row is locked only here, for a moment.
create function gloss_retention_cut(of_stream uuid, keep_ops bigint, keep_days bigint) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    cut bigint := gloss_retention_cut_of(of_stream, keep_ops, keep_days);
begin
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

-- Moves the next segment of ops that lie below the cut, proved first. Gives how many ops it moved; 0: all are there.
create function gloss_retention_move(of_stream uuid) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    it stream;
    begin_at bigint;
    end_at bigint;
    wrong bigint;
begin
    perform pg_advisory_xact_lock(7827315, hashtext(of_stream::text)); -- two at the same stream would only wait for each other's rows
    select * into it from stream s where s.id = of_stream;
    select coalesce(max(a.last), 0) + 1 into begin_at from archive a where a.stream = of_stream;
    if it.id is null or begin_at >= it.retained_from then
        return 0;
    end if;
    select max(o.seq) into end_at
      from (select o.seq, sum(octet_length(o.payload)) over (order by o.seq rows between unbounded preceding and 1 preceding) as before
              from op o
             where o.stream = of_stream and o.seq between begin_at and least(it.retained_from - 1, begin_at + 255)) as o
     where coalesce(o.before, 0) < 262144;
    select min(o.seq) into wrong
      from (select n.seq, o.chain, o.archived, coalesce(o.leaf, sha256(o.salt || convert_to(o.payload, 'UTF8'))) as leaf,
                   coalesce(lag(o.chain) over (order by n.seq),
                            case when begin_at = 1 then it.chain_start
                                 else (select p.chain from op p where p.stream = of_stream and p.seq = begin_at - 1) end) as before
              from generate_series(begin_at, coalesce(end_at, begin_at)) as n (seq)
              left join op o on o.stream = of_stream and o.seq = n.seq) as o
     where sha256(o.before || o.leaf) is distinct from o.chain or o.chain is null or o.archived;
    if wrong is not null then
        raise exception 'the log does not hold together at seq %; nothing more is archived, run glossd check', wrong using errcode = 'data_corrupted';
    end if;
    insert into archive (stream, project, first, last, ops)
    select of_stream, it.project, begin_at, end_at,
           string_agg(case when o.payload is null then '-' else encode(o.salt, 'hex') || ' ' || o.payload end, E'\n' order by o.seq)
      from op o
     where o.stream = of_stream and o.seq between begin_at and end_at;
    update op o set leaf = coalesce(o.leaf, sha256(o.salt || convert_to(o.payload, 'UTF8'))), payload = null, salt = null, archived = true
     where o.stream = of_stream and o.seq between begin_at and end_at;
    return end_at - begin_at + 1;
end $$;

-- ---- jobs

alter table job add column stream uuid, add column every_ms bigint check (every_ms > 0); -- every_ms: again and again; the row stays
create unique index job_recurring on job (kind) where every_ms is not null;
create unique index job_of_stream on job (kind, stream) where stream is not null and done_at is null;

create function gloss_job_keep(job_kind text, every bigint) returns void
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into job (kind, every_ms)
    values (job_kind, every)
    on conflict (kind) where every_ms is not null
        do update set every_ms = excluded.every_ms, due_at = least(job.due_at, clock_timestamp() + every * interval '1 ms');
end;

-- The attempt counts from here on, and the time of the next one is set: whoever dies of a job has noted that already. That somebody is at it shows in a lock of
-- that connection, which ends with it: no two ever do the same job, and nobody waits for a lease to run out.
create function gloss_job_take(kinds text) returns table (job bigint, kind text, stream uuid, attempts integer)
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
#variable_conflict use_column
declare
    it public.job;
begin
    for it in
        select j.* from public.job j
         where j.done_at is null and j.due_at <= clock_timestamp() and j.kind = any (string_to_array(kinds, ','))
         order by j.due_at, j.id
           for update skip locked
    loop
        if pg_try_advisory_lock(7827314, (it.id % 2147483648)::integer) then
            update public.job j
               set attempts = j.attempts + 1,
                   due_at = clock_timestamp() + least(3600, power(2, least(j.attempts, 12))) * interval '1 second'
             where j.id = it.id;
            return query select it.id, it.kind, it.stream, it.attempts + 1;
            return;
        end if;
    end loop;
end $$;

-- How it went. again: there is more to do, and others may go first. failure null: well.
create function gloss_job_end(of_job bigint, again boolean, failed text, attempts_max integer) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    update job j
       set failure = left(failed, 1000),
           attempts = case when failed is null then 0 else j.attempts end,
           due_at = case when failed is not null then j.due_at
                         when again then clock_timestamp()
                         when j.every_ms is not null then clock_timestamp() + j.every_ms * interval '1 ms'
                         else j.due_at end,
           done_at = case when j.every_ms is null and ((failed is null and not again) or (failed is not null and j.attempts >= attempts_max))
                          then clock_timestamp() end
     where j.id = of_job;
    delete from job j where j.done_at < clock_timestamp() - interval '7 days';
    return pg_advisory_unlock(7827314, (of_job % 2147483648)::integer);
end $$;

-- A job for each session that has something to snapshot, to cut or to move. One that was given up rests for a day.
create function gloss_retention_scan(keep_ops bigint, keep_days bigint, every bigint) returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    with due as (
        select s.id, s.project
          from stream s
         where s.kind = 'session' and keep_ops > 0 and s.head > 0
           and (s.head - greatest(s.retained_from - 1, (select coalesce(max(c.seq), 0) from snapshot c where c.stream = s.id)) >= every
                or s.retained_from - 1 > (select coalesce(max(a.last), 0) from archive a where a.stream = s.id)
                or gloss_retention_cut_of(s.id, keep_ops, keep_days) is not null)
           and not exists (select from job j
                            where j.kind = 'retention' and j.stream = s.id and j.failure is not null and j.done_at > clock_timestamp() - interval '1 day')),
    made as (
        insert into job (kind, stream, project)
        select 'retention', d.id, d.project from due d
        on conflict do nothing
        returning id)
    select count(*) from made;
end;

revoke all on function gloss_snapshot_sum(uuid, bigint), gloss_snapshot_make(uuid, bigint), gloss_retention_cut_of(uuid, bigint, bigint),
    gloss_retention_cut(uuid, bigint, bigint), gloss_retention_move(uuid), gloss_job_keep(text, bigint), gloss_job_take(text),
    gloss_job_end(bigint, boolean, text, integer), gloss_retention_scan(bigint, bigint, bigint) from public;
grant execute on function gloss_snapshot_make(uuid, bigint), gloss_retention_cut(uuid, bigint, bigint), gloss_retention_move(uuid),
    gloss_job_keep(text, bigint), gloss_job_take(text), gloss_job_end(bigint, boolean, text, integer), gloss_retention_scan(bigint, bigint, bigint)
    to :"append";
