-- Why: how far one session is, in which state and how large took the owner's role; administrators who come through the protocol could only list sessions.
-- Locks: none on tables that exist.
-- Works with programs from 0015 on.

-- One session in figures, whoever belongs to its project: nothing of a text or an annotation but how many there are, and by whom. So many names at most (null: all).
-- It reads the session's rows once, to count them. Nothing when there is no such session.
create function gloss_session_show(of_session uuid, most_creators bigint)
    returns table (session uuid, project uuid, project_name text, document uuid, title text, name text, mode text, head bigint, live bigint, retained_from bigint,
                   last_at timestamptz, revision bigint, sha256 bytea, codepoints bigint, mode_seq bigint, chain bytea, sum bytea, log_bytes bigint, snapshots bigint,
                   archive_bytes bigint, status text, deleted bigint, creators text, left_out bigint)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        with counted as materialized (
            select a.creator, a.status, a.deleted, count(*) as n
              from annotation a
             where a.stream = of_session
             group by a.creator, a.status, a.deleted),
        people as materialized (
            select distinct coalesce(c.name::text, k.creator::text) as name
              from counted k
              left join account c on c.id = k.creator
             order by 1
             limit most_creators)
        select s.id, s.project, p.name::text, s.document, d.title::text, s.name::text, t.mode, t.head, t.live, t.retained_from, t.last_at::timestamptz,
               r.number::bigint, r.sha256, r.codepoints, t.mode_seq, t.chain, t.sum,
               (select coalesce(sum(octet_length(o.payload)), 0)::bigint from op o where o.stream = s.id),
               (select count(*) from snapshot c where c.stream = s.id),
               (select coalesce(sum(pg_column_size(a.ops)), 0)::bigint from archive a where a.stream = s.id),
               (select json_object_agg(b.status, b.n order by b.status)::text
                  from (select k.status, sum(k.n)::bigint as n from counted k where not k.deleted group by k.status) as b),
               (select coalesce(sum(k.n), 0)::bigint from counted k where k.deleted),
               (select json_agg(w.name order by w.name)::text from people w),
               (select count(distinct k.creator) from counted k) - (select count(*) from people)
          from session s
          join stream t on t.id = s.id
          join document d on d.id = s.document
          join project p on p.id = s.project
          join revision r on r.id = s.revision
         where s.id = of_session;
end $$;

revoke all on function gloss_session_show(uuid, bigint) from public;
grant execute on function gloss_session_show(uuid, bigint) to :"reader";
