-- Why: what one account or one project may use was the same for all, and only by connection; one of them could be given neither more nor less than the others.
-- Locks: account and project (share row exclusive, for the foreign keys; it is short).
-- Works with programs from 0015 on.
--
-- A row says what one account or one project may use, where that is not what the settings say for all: 0 is as much as there is. Workers hold all rows in memory, and
-- ask every second whether `quota_change` has moved. What a quota is called is the program's matter (service/base/quotas.def); a name that it does not know says nothing to it.

create table quota (
    account uuid references account,
    project uuid references project,
    what    text collate "C" not null check (what ~ '^[a-z_]{1,32}$'),
    most    bigint not null check (most between 0 and 9007199254740991),
    set_at  timestamptz(3) not null default clock_timestamp(),
    check ((account is null) <> (project is null)),
    unique (account, what),
    unique (project, what)
);
-- One row once anything was set, which every change locks: so changes have an order, and who has read this number has read everything before it.
create table quota_change (
    is_only boolean primary key default true check (is_only),
    number  bigint not null
);

alter table quota enable row level security, force row level security;
alter table quota_change enable row level security, force row level security;
create policy owner_all on quota to :"owner" using (true) with check (true);
create policy owner_all on quota_change to :"owner" using (true) with check (true);

-- All of it, if it is not what the worker knows.
create function gloss_quotas(known bigint) returns table (number bigint, account uuid, project uuid, what text, most bigint)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select c.number, q.account, q.project, q.what, q.most
      from (select coalesce(max(n.number), 0) as number from quota_change n) c
      left join quota q on true
     where c.number <> known;
end;

-- What a project has, as its quotas count it: of one moment. Nothing when there is no such project.
create function gloss_project_stored(of_project uuid) returns table (annotations bigint, documents bigint, bytes bigint)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select (select coalesce(sum(s.live), 0)::bigint from stream s where s.project = of_project),
           (select count(*) from document d where d.project = of_project),
           (select coalesce(sum(r.byte_count), 0)::bigint from document d join revision r on r.document = d.id where d.project = of_project)
     where exists (select from project p where p.id = of_project);
end;

-- quotas: {"what": most, …}; null takes one away, so that the setting holds again. Null when there is no such account or project.
create function gloss_quota_set(of_account uuid, of_project uuid, quotas text, from_where text) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    now_at bigint;
begin
    perform gloss_administer(from_where);
    if not exists (select from account a where a.id = of_account) and not exists (select from project p where p.id = of_project) then
        return null;
    end if;
    insert into quota_change as c (number) values (1) on conflict (is_only) do update set number = c.number + 1 returning c.number into now_at;
    delete from quota q using jsonb_object_keys(quotas::jsonb) as k (what)
     where q.what = k.what and (q.account = of_account or q.project = of_project);
    insert into quota (account, project, what, most)
    select of_account, of_project, e.key, e.value::bigint from jsonb_each_text(quotas::jsonb) e where e.value is not null;
    insert into audit (account, action, subject, detail) values (gloss_account(), 'quota.set', coalesce(of_account, of_project), quotas::jsonb);
    return now_at;
end $$;

revoke all on function gloss_quotas(bigint), gloss_project_stored(uuid), gloss_quota_set(uuid, uuid, text, text) from public;
grant execute on function gloss_quotas(bigint), gloss_project_stored(uuid) to :"reader";
grant execute on function gloss_quota_set(uuid, uuid, text, text) to :"append";
