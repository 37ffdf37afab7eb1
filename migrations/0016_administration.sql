-- Why: administrators could not ask what goes on (who is connected, from where, how much there is), end a connection, or read who administered what.
-- Locks: audit, account and worker: access exclusive for a moment each, without a rewrite.
-- Works with programs from 0015 on.
--
-- What only workers know is asked of all of them: a row of `ask`, which each sees with its next heartbeat, within a second, and answers with a row of `answer`.
-- Both are gone a minute later, and need not outlive a crash. Functions that administrate look themselves whether the account that asks is an administrator
-- (or the role that owns the tables: glossd's verbs), whatever the worker has found.

create function gloss_is_administrator() returns boolean
    language sql stable security definer parallel safe
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select session_user = (select t.tableowner from pg_tables t where t.schemaname = 'public' and t.tablename = 'account')
           or exists (select from account a where a.id = gloss_account() and a.is_admin and a.disabled_at is null);
end;

-- from_where is noted with what is written to audit in this transaction.
create function gloss_administer(from_where text) returns void
    language plpgsql volatile
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    if not gloss_is_administrator() then
        raise exception 'that is for administrators' using errcode = 'GL110';
    end if;
    if from_where is not null then
        perform set_config('gloss.from', from_where, true);
    end if;
end $$;

-- ---- who did what, when, from where

alter table audit add column address text default nullif(current_setting('gloss.from', true), '') check (octet_length(address) <= 256);
grant insert (address) on audit to :"append";
create index audit_by_account on audit (account, id);

-- Rows are only ever added, also by who owns the table, until gloss_audit_prune() drops what is old.
create function gloss_audit_stays() returns trigger
    language plpgsql
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    if coalesce(current_setting('gloss.pruning', true), '') <> 'audit' then
        raise exception 'rows of audit are only ever added; the setting audit_days drops old ones' using errcode = 'insufficient_privilege';
    end if;
    return null;
end $$;
create trigger audit_stays before update or delete or truncate on audit for each statement execute function gloss_audit_stays();

create function gloss_audit_prune(older_days bigint, most bigint) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    gone bigint;
begin
    if older_days <= 0 then
        return 0;
    end if;
    perform set_config('gloss.pruning', 'audit', true);
    delete from audit a
     where a.id in (select o.id from audit o where o.at < clock_timestamp() - older_days * interval '1 day' order by o.id limit most);
    get diagnostics gone = row_count;
    perform set_config('gloss.pruning', '', true);
    return gone;
end $$;

create function gloss_audit(below bigint, most bigint, by_account text, of_action text)
    returns table (id bigint, at timestamptz, account uuid, name text, action text, subject uuid, subject_name text, detail text, address text)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select u.id, u.at::timestamptz, u.account, b.name::text, u.action, u.subject, coalesce(s.name, p.name)::text, u.detail::text, u.address
          from audit u
          left join account b on b.id = u.account
          left join account s on s.id = u.subject
          left join project p on p.id = u.subject
         where u.id < below
           and (by_account is null or u.account = (select n.id from account n where n.name = by_account))
           and (of_action is null or u.action = of_action or starts_with(u.action, of_action || '.'))
         order by u.id desc
         limit most;
end $$;

-- ---- asking all workers

create unlogged table ask (
    id     uuid primary key,
    at     timestamptz(3) not null default clock_timestamp(),
    kind   text not null check (kind in ('connections', 'kick', 'stats')),
    detail jsonb not null default '{}'
);
create unlogged table answer (
    ask    uuid not null references ask on delete cascade,
    worker uuid not null,
    body   text not null,
    primary key (ask, worker)
);
alter table ask enable row level security, force row level security;
alter table answer enable row level security, force row level security;
create policy owner_all on ask to :"owner" using (true) with check (true);
create policy owner_all on answer to :"owner" using (true) with check (true);

create function gloss_ask(new_ask uuid, what text, about text, from_where text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(from_where);
    delete from ask a where a.at < clock_timestamp() - interval '1 minute';
    insert into ask (id, kind, detail) values (new_ask, what, about::jsonb);
    if what = 'kick' then
        insert into audit (account, action, subject, detail)
        values (gloss_account(), 'connection.end', coalesce(about::jsonb ->> 'connection', about::jsonb ->> 'account')::uuid,
                about::jsonb - 'connection' - 'account' || jsonb_build_object('whole', about::jsonb ? 'account'));
    end if;
    return new_ask;
end $$;

-- What a worker has not answered yet.
create function gloss_asked(of_worker uuid) returns table (ask uuid, kind text, detail text)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select a.id, a.kind, a.detail::text
      from ask a
     where a.at > clock_timestamp() - interval '15 seconds'
       and not exists (select from answer w where w.ask = a.id and w.worker = of_worker)
     order by a.at, a.id
     limit 8;
end;

create function gloss_answer(of_ask uuid, of_worker uuid, words text) returns void
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    insert into answer (ask, worker, body)
    select a.id, of_worker, words from ask a where a.id = of_ask
    on conflict do nothing;
end;

-- Every worker that lives; body is null while it has not answered.
create function gloss_answers(of_ask uuid) returns table (worker uuid, node text, pid bigint, version text, started timestamptz, body text)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select w.id, w.node, w.pid::bigint, w.version, w.started_at::timestamptz, a.body
          from worker w
          left join answer a on a.ask = of_ask and a.worker = w.id
         where a.worker is not null or w.seen_at > clock_timestamp() - interval '5 seconds'
         order by w.node, w.started_at, w.id;
end $$;

-- ---- how much there is

create function gloss_stats() returns text
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return (select json_build_object(
        'accounts', (select count(*) from account), 'administrators', (select count(*) from account a where a.is_admin and a.disabled_at is null),
        'disabled', (select count(*) from account a where a.disabled_at is not null),
        'tokens', (select count(*) from token t where t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp())),
        'projects', (select count(*) from project), 'documents', (select count(*) from document), 'sessions', (select count(*) from session),
        'annotations', (select coalesce(sum(s.live), 0)::bigint from stream s), 'ops', (select coalesce(sum(s.head), 0)::bigint from stream s),
        'text_bytes', (select coalesce(sum(r.byte_count), 0)::bigint from revision r),
        'jobs_waiting', (select count(*) from job j where j.done_at is null and j.due_at <= clock_timestamp()),
        'jobs_failed', (select count(*) from job j where j.failure is not null and j.done_at > clock_timestamp() - interval '1 day'),
        'database_bytes', pg_database_size(current_database()),
        'tables', (select json_object_agg(c.relname, pg_total_relation_size(c.oid) order by c.relname)
                     from pg_class c
                    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r')));
end $$;

-- ---- accounts and their tokens, for administrators who come through the protocol

create function gloss_accounts(after text, most bigint)
    returns table (account uuid, name text, is_admin boolean, is_disabled boolean, has_password boolean, created timestamptz, tokens bigint)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select a.id, a.name::text, a.is_admin, a.disabled_at is not null, a.password is not null, a.created_at::timestamptz,
               (select count(*) from token t where t.account = a.id and t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp()))
          from account a
         where after is null or a.name > after
         order by a.name
         limit most;
end $$;

create function gloss_account_add(new_account uuid, new_name text, to_administer boolean, from_where text) returns timestamptz
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    made timestamptz;
begin
    perform gloss_administer(from_where);
    insert into account (id, name, is_admin) values (new_account, new_name, to_administer) returning created_at into made;
    insert into audit (account, action, subject, detail)
    values (gloss_account(), 'user.add', new_account, jsonb_build_object('admin', to_administer));
    return made;
end $$;

-- Null leaves it as it is. Nobody changes what they are themselves: so one administrator remains.
create function gloss_account_change(of_name text, to_administer boolean, to_disable boolean, from_where text)
    returns table (account uuid, name text, is_admin boolean, is_disabled boolean)
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    it account;
begin
    perform gloss_administer(from_where);
    select a.* into it from account a where a.name = of_name for no key update;
    if it.id is null then
        return;
    end if;
    if it.id = gloss_account() then
        raise exception 'somebody else must do that' using errcode = 'GL110';
    end if;
    if to_administer <> it.is_admin then
        update account a set is_admin = to_administer where a.id = it.id;
        insert into audit (account, action, subject) values (gloss_account(), case when to_administer then 'user.promote' else 'user.demote' end, it.id);
    end if;
    if to_disable <> (it.disabled_at is not null) then
        update account a set disabled_at = case when to_disable then clock_timestamp() end where a.id = it.id;
        update project p set epoch = p.epoch + 1 where p.id in (select m.project from member m where m.account = it.id and m.role is not null);
        insert into audit (account, action, subject) values (gloss_account(), case when to_disable then 'user.disable' else 'user.enable' end, it.id);
    end if;
    return query select a.id, a.name::text, a.is_admin, a.disabled_at is not null from account a where a.id = it.id;
end $$;

create function gloss_tokens_of(of_name text)
    returns table (token uuid, label text, created timestamptz, expires timestamptz, is_revoked boolean)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select t.id, t.label, t.created_at::timestamptz, t.expires_at::timestamptz, t.revoked_at is not null
          from token t
          join account a on a.id = t.account
         where a.name = of_name
         order by t.created_at desc, t.id
         limit 1000;
end $$;

create function gloss_token_add(new_token uuid, of_name text, its_label text, digest bytea, expires timestamptz, from_where text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    made uuid;
begin
    perform gloss_administer(from_where);
    insert into token (id, account, label, secret_sha256, expires_at)
    select new_token, a.id, its_label, digest, expires from account a where a.name = of_name
    returning id into made;
    if made is not null then
        insert into audit (account, action, subject, detail)
        select gloss_account(), 'token.add', made, jsonb_build_object('of', t.account) from token t where t.id = made;
    end if;
    return made;
end $$;

create function gloss_token_end(of_token uuid, from_where text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    ended uuid;
begin
    perform gloss_administer(from_where);
    update token t set revoked_at = coalesce(t.revoked_at, clock_timestamp()) where t.id = of_token returning t.id into ended;
    if ended is not null then
        insert into audit (account, action, subject) values (gloss_account(), 'token.revoke', ended);
    end if;
    return ended;
end $$;

revoke all on function gloss_is_administrator(), gloss_administer(text), gloss_audit_stays(), gloss_audit_prune(bigint, bigint), gloss_audit(bigint, bigint, text, text),
    gloss_ask(uuid, text, text, text), gloss_asked(uuid), gloss_answer(uuid, uuid, text), gloss_answers(uuid), gloss_stats(), gloss_accounts(text, bigint),
    gloss_account_add(uuid, text, boolean, text), gloss_account_change(text, boolean, boolean, text), gloss_tokens_of(text),
    gloss_token_add(uuid, text, text, bytea, timestamptz, text), gloss_token_end(uuid, text) from public;
grant execute on function gloss_audit(bigint, bigint, text, text), gloss_asked(uuid), gloss_answer(uuid, uuid, text), gloss_answers(uuid), gloss_stats(),
    gloss_accounts(text, bigint), gloss_tokens_of(text) to :"reader";
grant execute on function gloss_audit_prune(bigint, bigint), gloss_ask(uuid, text, text, text), gloss_account_add(uuid, text, boolean, text),
    gloss_account_change(text, boolean, boolean, text), gloss_token_add(uuid, text, text, bytea, timestamptz, text), gloss_token_end(uuid, text) to :"append";
