-- What each worker's program understands: an op of a kind that a living worker does not know is not written, so nobody meets what it cannot read.
-- Locks: access exclusive on worker, for a moment.
--
-- Programs from before this call gloss_worker_seen with four arguments: their rows get the kinds that they know, by default.

alter table worker alter column kinds set default array['annotation.create', 'annotation.update', 'annotation.delete', 'annotation.restore', 'session.mode',
    'project.create', 'label.create', 'codebook.policy', 'document.create', 'member.set'];
update worker set kinds = default;

create function gloss_worker_seen(worker_id uuid, worker_node text, worker_pid integer, worker_version text, worker_kinds text[])
    returns table (others bigint, lacking text[])
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from worker w
     where w.seen_at < clock_timestamp() - interval '1 minute' and w.id <> worker_id;
    insert into worker (id, node, pid, version, kinds)
    values (worker_id, worker_node, worker_pid, worker_version, worker_kinds)
    on conflict (id) do update set seen_at = clock_timestamp();
    select count(*) filter (where w.seen_at > clock_timestamp() - interval '5 seconds'),
           array(select k.kind
                   from unnest(worker_kinds) as k (kind)
                  where exists (select from worker o
                                 where o.seen_at > clock_timestamp() - interval '15 seconds' and not k.kind = any (o.kinds)))
      from worker w
     where w.id <> worker_id;
end;

revoke all on function gloss_worker_seen(uuid, text, integer, text, text[]) from public;
grant execute on function gloss_worker_seen(uuid, text, integer, text, text[]) to :"reader";
