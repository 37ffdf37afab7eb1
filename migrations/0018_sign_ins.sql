-- Why: nobody could say who had signed in when and from where, and who had tried. Audit has it now, a row for all that one account did from one address within a few
-- seconds, and keeps so many such rows as a setting says.
-- Locks: audit, share while an index is made of what is there; nothing else that people do waits for it than what is noted in audit.
-- Works with programs from 0015 on.

create index audit_sign_ins on audit (id) where action in ('sign_in', 'sign_in.refused', 'sign_in.more');

-- Who administered what is not to be looked for among them: they are told when their action is asked for.
create or replace function gloss_audit(below bigint, most bigint, by_account text, of_action text)
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
           and case when of_action is null then u.action not in ('sign_in', 'sign_in.refused', 'sign_in.more')
                    else u.action = of_action or starts_with(u.action, of_action || '.') end
         order by u.id desc
         limit most;
end $$;

-- All but the newest so many go, at most so many in one call, the oldest first.
create function gloss_sign_ins_prune(keep bigint, most bigint) returns bigint
    language plpgsql volatile security definer
    set search_path = pg_catalog, public, pg_temp
as $$
declare
    gone bigint;
    oldest bigint;
begin
    select a.id into oldest
      from audit a
     where a.action in ('sign_in', 'sign_in.refused', 'sign_in.more')
     order by a.id desc
    offset keep limit 1;
    if oldest is null then
        return 0;
    end if;
    perform set_config('gloss.pruning', 'audit', true);
    delete from audit a
     where a.id in (select o.id
                      from audit o
                     where o.action in ('sign_in', 'sign_in.refused', 'sign_in.more') and o.id <= oldest
                     order by o.id
                     limit most);
    get diagnostics gone = row_count;
    perform set_config('gloss.pruning', '', true);
    return gone;
end $$;
revoke all on function gloss_sign_ins_prune(bigint, bigint) from public;
grant execute on function gloss_sign_ins_prune(bigint, bigint) to :"append";
