-- Who may do what: the roles of the running service get no more than their statements need, and no row of somebody else's.
-- Locks: access exclusive on every table, for a moment each (row-level security is switched on).
--
-- The append role writes under column grants and reads no content: no payload, record, text, title, password. The reader role reads under forced row-level
-- security, as the account in the setting gloss.account, which each transaction sets for itself (set_config(..., true)); unset, it sees nothing.
-- Functions that must see more run as the owner with a search path of their own; the policies use one of them, so that they do not ask themselves.

revoke all on schema public from public;
grant usage on schema public to :"append", :"reader";

-- ---- who asks, and where they belong

create function gloss_account() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('gloss.account', true), '')::uuid;

create function gloss_projects() returns uuid[]
    language sql stable security definer parallel safe
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select coalesce(array_agg(m.project), '{}')
      from member m
      join account a on a.id = m.account
     where m.account = gloss_account() and m.role is not null and a.disabled_at is null;
end;

-- ---- what is asked before anybody is somebody

create function gloss_sign_in_token(secret_digest bytea)
    returns table (account uuid, name text, is_admin boolean, token uuid, expires_at timestamptz, is_disabled boolean)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select a.id, a.name, a.is_admin, t.id, t.expires_at, a.disabled_at is not null
      from token t
      join account a on a.id = t.account
     where t.secret_sha256 = secret_digest and t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp());
end;

create function gloss_sign_in_name(account_name text)
    returns table (account uuid, name text, is_admin boolean, is_disabled boolean, password text)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select a.id, a.name, a.is_admin, a.disabled_at is not null, a.password
      from account a
     where a.name = account_name;
end;

create function gloss_tokens_ended(tokens uuid[]) returns table (token uuid)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select w.id
      from unnest(tokens) as w (id)
     where not exists (
        select from token t
          join account a on a.id = t.account
         where t.id = w.id and t.revoked_at is null and a.disabled_at is null and (t.expires_at is null or t.expires_at > clock_timestamp()));
end;

create function gloss_accounts_disabled(accounts uuid[]) returns table (account uuid)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select w.id
      from unnest(accounts) as w (id)
     where not exists (select from account a where a.id = w.id and a.disabled_at is null);
end;

-- ---- what is asked across projects

-- An owner must be able to name somebody who is in no project yet.
create function gloss_account_by_name(account_name text) returns table (account uuid, name text, is_disabled boolean)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select a.id, a.name, a.disabled_at is not null
      from account a
     where a.name = account_name;
end;

-- Heads only, for a worker's poll over all its sessions: ids are not guessed, and a number tells nothing.
create function gloss_heads(streams uuid[]) returns table (i bigint, head bigint, epoch bigint)
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select w.i, s.head, p.epoch
      from unnest(streams) with ordinality as w (id, i)
      join stream s on s.id = w.id
      join project p on p.id = s.project;
end;

-- ---- making a project: row, stream, both first ops and the owner in one go

create function gloss_project_create(
    new_project uuid, new_name text, owner uuid, at timestamptz, chain_start bytea,
    create_op uuid, create_hash bytea, create_salt bytea, create_chain bytea, create_payload text,
    member_op uuid, member_hash bytea, member_salt bytea, member_chain bytea, member_payload text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    if owner is null then
        raise exception 'no account is set' using errcode = 'insufficient_privilege';
    end if;
    if exists (select from member m join project p on p.id = m.project
                where m.account = owner and m.role is not null and p.name = new_name) then
        raise exception 'a project of that name is there already' using errcode = 'unique_violation';
    end if;
    insert into project (id, name, created_at) values (new_project, new_name, at);
    insert into stream (id, kind, project, head, chain_start, chain, last_at)
    values (new_project, 'project', new_project, 2, chain_start, member_chain, at);
    insert into op (stream, project, seq, op_id, account, kind, request_hash, payload, salt, chain)
    values (new_project, new_project, 1, create_op, owner, 'project.create', create_hash, create_payload, create_salt, create_chain),
           (new_project, new_project, 2, member_op, owner, 'member.set', member_hash, member_payload, member_salt, member_chain);
    insert into member (project, account, role) values (new_project, owner, 'owner');
    insert into audit (account, action, subject) values (owner, 'project.create', new_project);
    return new_project;
end $$;

revoke all on all functions in schema public from public;
grant execute on function gloss_account() to :"append", :"reader";
grant execute on function gloss_projects(), gloss_sign_in_token(bytea), gloss_sign_in_name(text), gloss_tokens_ended(uuid[]),
    gloss_accounts_disabled(uuid[]), gloss_account_by_name(text), gloss_heads(uuid[]) to :"reader";
grant execute on function gloss_project_create(uuid, text, uuid, timestamptz, bytea, uuid, bytea, bytea, bytea, text, uuid, bytea, bytea, bytea, text)
    to :"append";

-- ---- what the append role may touch: the columns that its statements name

grant select (id, account, created_at, revoked_at), insert (id, account, label, secret_sha256, expires_at), update (revoked_at) on token to :"append";
grant insert (account, action, subject, detail) on audit to :"append";
grant select (id, epoch, codebook, is_open), update (epoch, codebook, is_open) on project to :"append";
grant select (project, account, role), insert (project, account, role), update (role) on member to :"append";
grant select (id, project, head, mode, mode_seq), insert (id, kind, project, chain_start, chain),
    update (head, chain, sum, mode, mode_seq, last_at, live) on stream to :"append";
grant select (project, sha256), insert (id, project, title, filename, sha256, created_at, created_by) on document to :"append";
grant insert (id, project, document, number, sha256, bytes, byte_count, codepoints, created_at) on revision to :"append";
grant insert (id, project, document, revision, name) on session to :"append";
grant select (stream, seq, op_id, account, request_hash, xmin),
    insert (stream, project, seq, op_id, account, kind, request_hash, payload, salt, chain) on op to :"append";
grant select (stream, id), insert (stream, project, id, creator, created_seq, label, status, start_cp, end_cp, deleted, record),
    update (label, status, start_cp, end_cp, deleted, record) on annotation to :"append";
grant insert (id, project, name) on label to :"append";

-- ---- what the reader role may see of a row that it may see

grant select (id, name, is_admin, disabled_at) on account to :"reader";
grant select (id, account, label, created_at, expires_at, revoked_at) on token to :"reader";
grant select on schema_version to :"append", :"reader";
grant select on project, member, stream, document, revision, session, op, annotation, label, snapshot, run to :"reader";

-- ---- which rows: forced, so that it holds for the owner too, who has policies of its own

alter table account enable row level security, force row level security;
alter table token enable row level security, force row level security;
alter table audit enable row level security, force row level security;
alter table project enable row level security, force row level security;
alter table member enable row level security, force row level security;
alter table stream enable row level security, force row level security;
alter table document enable row level security, force row level security;
alter table revision enable row level security, force row level security;
alter table session enable row level security, force row level security;
alter table op enable row level security, force row level security;
alter table annotation enable row level security, force row level security;
alter table label enable row level security, force row level security;
alter table snapshot enable row level security, force row level security;
alter table run enable row level security, force row level security;
alter table job enable row level security, force row level security;
alter table webhook enable row level security, force row level security;
alter table worker enable row level security, force row level security;

create policy owner_all on account to :"owner" using (true) with check (true);
create policy owner_all on token to :"owner" using (true) with check (true);
create policy owner_all on audit to :"owner" using (true) with check (true);
create policy owner_all on project to :"owner" using (true) with check (true);
create policy owner_all on member to :"owner" using (true) with check (true);
create policy owner_all on stream to :"owner" using (true) with check (true);
create policy owner_all on document to :"owner" using (true) with check (true);
create policy owner_all on revision to :"owner" using (true) with check (true);
create policy owner_all on session to :"owner" using (true) with check (true);
create policy owner_all on op to :"owner" using (true) with check (true);
create policy owner_all on annotation to :"owner" using (true) with check (true);
create policy owner_all on label to :"owner" using (true) with check (true);
create policy owner_all on snapshot to :"owner" using (true) with check (true);
create policy owner_all on run to :"owner" using (true) with check (true);
create policy owner_all on job to :"owner" using (true) with check (true);
create policy owner_all on webhook to :"owner" using (true) with check (true);
create policy owner_all on worker to :"owner" using (true) with check (true);

create policy append_own on token to :"append" using (account = gloss_account()) with check (account = gloss_account());
create policy append_note on audit for insert to :"append" with check (true);
create policy append_all on project to :"append" using (true) with check (true);
create policy append_all on member to :"append" using (true) with check (true);
create policy append_all on stream to :"append" using (true) with check (true);
create policy append_all on document to :"append" using (true) with check (true);
create policy append_all on revision to :"append" using (true) with check (true);
create policy append_all on session to :"append" using (true) with check (true);
create policy append_all on op to :"append" using (true) with check (true);
create policy append_all on annotation to :"append" using (true) with check (true);
create policy append_all on label to :"append" using (true) with check (true);

-- (select ...) makes the function run once for each statement and not for each row.
create policy read_own on token for select to :"reader" using (account = gloss_account());
create policy read_shared on account for select to :"reader"
    using (id = gloss_account() or exists (select from member m where m.account = account.id));
create policy read_mine on project for select to :"reader" using (id = any ((select gloss_projects())::uuid[]));
create policy read_mine on member for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on stream for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on document for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on revision for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on session for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on op for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on annotation for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on label for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on snapshot for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
create policy read_mine on run for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));
