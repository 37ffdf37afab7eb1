-- What people are told: somebody named them in a note, answered their annotation, or decided about it. Written with the op itself, in its transaction.
-- Locks: none on tables that exist.
--
-- A row says where and by whom, not what: the words are read from the annotation when the inbox is. Names in a note become accounts here, because only
-- members may be told, and the service's roles read no accounts while they append. Rows of a project that one has left are there, but not seen.

create table inbox (
    item       bigint generated always as identity,
    account    uuid not null,
    project    uuid not null,
    stream     uuid not null,
    seq        bigint not null check (seq > 0),
    annotation uuid not null,
    why        text not null check (why in ('mention', 'reply', 'accepted', 'rejected', 'resolved', 'reopened')),
    by         uuid not null,
    at         timestamptz(3) not null,
    read_at    timestamptz(3),
    primary key (account, item)
);
create index inbox_unread on inbox (account) where read_at is null;

alter table inbox enable row level security, force row level security;
create policy owner_all on inbox to :"owner" using (true) with check (true);
create policy append_own on inbox to :"append" using (account = gloss_account()) with check (account = gloss_account());
create policy read_own on inbox for select to :"reader"
    using (account = gloss_account() and project = any ((select gloss_projects())::uuid[]));
grant select (account, item, read_at), update (read_at) on inbox to :"append";
grant select on inbox to :"reader";

-- Everybody is told once of an op, for the first of its reasons; nobody of what they did themselves.
create function gloss_inbox_add(
    in_stream uuid, in_project uuid, accounts uuid[], names text[], whys text[], annotations uuid[], seqs bigint[], bys uuid[], ats timestamptz[])
    returns void
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into inbox (account, project, stream, seq, annotation, why, by, at)
    select distinct on (n.seq, m.account) m.account, in_project, in_stream, n.seq, n.annotation, n.why, n.by, n.at
      from unnest(accounts, names, whys, annotations, seqs, bys, ats) with ordinality
             as n (account, name, why, annotation, seq, by, at, i)
      join member m on m.project = in_project
                   and m.account = coalesce(n.account, (select a.id from account a where a.name = n.name))
                   and m.role is not null
     where m.account <> n.by
     order by n.seq, m.account, n.i;
end;

revoke all on function gloss_inbox_add(uuid, uuid, uuid[], text[], text[], uuid[], bigint[], uuid[], timestamptz[]) from public;
grant execute on function gloss_inbox_add(uuid, uuid, uuid[], text[], text[], uuid[], bigint[], uuid[], timestamptz[]) to :"append";
