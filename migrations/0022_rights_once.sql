-- Why: PostgreSQL plans the body of a function in SQL anew in each statement that calls it. What the policies ask of every statement that reads (the projects of who asks,
-- once for each table in it), what each sign-in asks and what each poll asks is PL/pgSQL now, whose plans are kept: three quarters of what an arrival cost PostgreSQL.
-- Locks: none on tables that exist.
-- Works with programs from 0015 on.

create or replace function gloss_projects() returns uuid[]
    language plpgsql stable security definer parallel safe
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    return (
        select coalesce(array_agg(m.project), '{}')
          from member m
          join account a on a.id = m.account
         where m.account = gloss_account() and m.role is not null and a.disabled_at is null);
end $$;

create or replace function gloss_sign_in_token(secret_digest bytea)
    returns table (account uuid, name text, is_admin boolean, token uuid, expires_at timestamptz, is_disabled boolean)
    language plpgsql stable security definer rows 1
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select a.id, a.name, a.is_admin, t.id, t.expires_at, a.disabled_at is not null
      from token t
      join account a on a.id = t.account
     where t.secret_sha256 = secret_digest and t.revoked_at is null and (t.expires_at is null or t.expires_at > clock_timestamp());
end $$;

create or replace function gloss_stands(streams uuid[]) returns table (i bigint, head bigint, epoch bigint, chain bytea)
    language plpgsql stable security definer
    set search_path = pg_catalog, public, pg_temp
as $$
begin
    return query
    select w.i, s.head, p.epoch, s.chain
      from unnest(streams) with ordinality as w (id, i)
      join stream s on s.id = w.id
      join project p on p.id = s.project;
end $$;
