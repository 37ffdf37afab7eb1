-- Why: administrators who come through the protocol could not set passwords, see projects and sessions that are not theirs, make a project for somebody, say who
-- belongs to one, or close a session; and two of them who took each other's right away at the same moment could both succeed.
-- Locks: none on tables that exist.
-- Works with programs from 0015 on.
--
-- Every function here looks itself whether the account that asks is an administrator, or the role that owns the tables (migration 0016).

-- ---- accounts

create function gloss_account_make(new_account uuid, new_name text, to_administer boolean, record text, from_where text) returns timestamptz
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    made timestamptz;
begin
    made := gloss_account_add(new_account, new_name, to_administer, from_where);
    if record is not null then
        update account a set password = record where a.id = new_account;
    end if;
    return made;
end $$;

-- Null leaves it as it is; an empty record takes the password away. One after the other: so that of two who take each other's right away one comes too late.
create function gloss_account_update(of_name text, to_administer boolean, to_disable boolean, record text, from_where text)
    returns table (account uuid, name text, is_admin boolean, is_disabled boolean, has_password boolean, created timestamptz, tokens bigint)
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    it uuid;
begin
    perform pg_advisory_xact_lock(hashtextextended('gloss.account_update', 0));
    perform gloss_administer(from_where);
    select a.id into it from account a where a.name = of_name;
    if it is null then
        return;
    end if;
    if to_administer is not null or to_disable is not null then
        perform from gloss_account_change(of_name, to_administer, to_disable, from_where);
    end if;
    if record is not null then
        update account a set password = nullif(record, '') where a.id = it;
        insert into audit (account, action, subject) values (gloss_account(), 'user.password', it);
    end if;
    return query
        select a.id, a.name::text, a.is_admin, a.disabled_at is not null, a.password is not null, a.created_at::timestamptz,
               (select count(*) from token t where t.account = a.id and t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp()))
          from account a
         where a.id = it;
end $$;

-- ---- projects and sessions of everybody

create function gloss_all_projects(behind_name text, behind uuid, most bigint)
    returns table (project uuid, name text, is_open boolean, members bigint, documents bigint, created timestamptz)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select p.id, p.name::text, p.is_open, (select count(*) from member m where m.project = p.id and m.role is not null),
               (select count(*) from document d where d.project = p.id), p.created_at::timestamptz
          from project p
         where behind_name is null or (p.name, p.id) > (behind_name, behind)
         order by p.name, p.id
         limit most;
end $$;

create function gloss_all_sessions(of_project uuid, behind uuid, most bigint)
    returns table (session uuid, project uuid, project_name text, document uuid, title text, name text, mode text, head bigint, live bigint, retained_from bigint,
                   last_at timestamptz)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select s.id, s.project, p.name::text, s.document, d.title::text, s.name::text, t.mode, t.head, t.live, t.retained_from, t.last_at::timestamptz
          from session s
          join stream t on t.id = s.id
          join document d on d.id = s.document
          join project p on p.id = s.project
         where (of_project is null or s.project = of_project) and (behind is null or s.id > behind)
         order by s.id
         limit most;
end $$;

-- Audit says who made it, also when it was made for somebody else.
create or replace function gloss_project_create(
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
    insert into audit (account, action, subject, detail)
    values (coalesce(gloss_account(), owner), 'project.create', new_project,
            case when gloss_account() <> owner then jsonb_build_object('owner', owner) end);
    return new_project;
end $$;

create function gloss_project_make(
    from_where text, new_project uuid, new_name text, owner uuid, at timestamptz, chain_start bytea,
    create_op uuid, create_hash bytea, create_salt bytea, create_chain bytea, create_payload text,
    member_op uuid, member_hash bytea, member_salt bytea, member_chain bytea, member_payload text) returns uuid
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(from_where);
    return gloss_project_create(new_project, new_name, owner, at, chain_start, create_op, create_hash, create_salt, create_chain, create_payload,
                                member_op, member_hash, member_salt, member_chain, member_payload);
end $$;

-- ---- ops that an operator appends: member.set to a project's stream, session.mode to a session's

create function gloss_operator_head(of_stream uuid, of_account uuid)
    returns table (is_session boolean, project uuid, head bigint, chain bytea, sum bytea, mode text, mode_seq bigint, codebook bigint, at timestamptz, role text,
                   owners bigint)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    perform gloss_administer(null);
    return query
        select s.kind = 'session', s.project, s.head, s.chain, s.sum, s.mode, s.mode_seq, p.codebook, greatest(s.last_at, clock_timestamp())::timestamptz,
               (select m.role from member m where m.project = p.id and m.account = of_account),
               (select count(*) from member m where m.project = p.id and m.role = 'owner')
          from stream s
          join project p on p.id = s.project
         where s.id = of_stream;
end $$;

-- One op behind the head that it was written for; false: the stream has moved, look again. Workers read it as they read what another one appended.
create function gloss_operator_append(
    of_stream uuid, old_head bigint, old_chain bytea, op_id uuid, kind text, request_hash bytea, payload text, salt bytea, new_chain bytea, new_sum bytea,
    at timestamptz, new_mode text, of_account uuid, new_role text, from_where text) returns boolean
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    it stream;
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
begin
    perform gloss_administer(from_where);
    select s.* into it from stream s where s.id = of_stream for no key update;
    if it.id is null or it.head <> old_head or it.chain <> old_chain or kind not in ('member.set', 'session.mode')
       or (kind = 'session.mode') <> (it.kind = 'session') then
        return false;
    end if;
    update stream s
       set head = old_head + 1, chain = new_chain, sum = new_sum, mode = coalesce(new_mode, s.mode),
           mode_seq = case when new_mode is null then s.mode_seq else old_head + 1 end, last_at = at
     where s.id = of_stream;
    insert into op (stream, project, seq, op_id, account, kind, request_hash, payload, salt, chain)
    values (of_stream, it.project, old_head + 1, op_id, nobody, kind, request_hash, payload, salt, new_chain);
    if kind = 'member.set' then
        insert into member (project, account, role) values (it.project, of_account, new_role)
            on conflict (project, account) do update set role = excluded.role;
        update project p set epoch = p.epoch + 1 where p.id = it.project;
        insert into audit (account, action, subject, detail)
        values (gloss_account(), kind, it.project, jsonb_build_object('of', of_account, 'role', new_role));
    else
        insert into audit (account, action, subject, detail) values (gloss_account(), kind, of_stream, jsonb_build_object('mode', new_mode));
    end if;
    return true;
end $$;

revoke all on function gloss_account_make(uuid, text, boolean, text, text), gloss_account_update(text, boolean, boolean, text, text),
    gloss_all_projects(text, uuid, bigint), gloss_all_sessions(uuid, uuid, bigint),
    gloss_project_make(text, uuid, text, uuid, timestamptz, bytea, uuid, bytea, bytea, bytea, text, uuid, bytea, bytea, bytea, text),
    gloss_operator_head(uuid, uuid),
    gloss_operator_append(uuid, bigint, bytea, uuid, text, bytea, text, bytea, bytea, bytea, timestamptz, text, uuid, text, text) from public;
grant execute on function gloss_is_administrator(), gloss_all_projects(text, uuid, bigint), gloss_all_sessions(uuid, uuid, bigint), gloss_operator_head(uuid, uuid)
    to :"reader";
grant execute on function gloss_account_make(uuid, text, boolean, text, text), gloss_account_update(text, boolean, boolean, text, text),
    gloss_project_make(text, uuid, text, uuid, timestamptz, bytea, uuid, bytea, bytea, bytea, text, uuid, bytea, bytea, bytea, text),
    gloss_operator_append(uuid, bigint, bytea, uuid, text, bytea, text, bytea, bytea, bytea, timestamptz, text, uuid, text, text) to :"append";
