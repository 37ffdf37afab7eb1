-- How workers know of each other: each renews its row of `worker` every second; who is alone notifies nobody.
-- Locks: access exclusive on worker, for a moment.
--
-- The service has no grant on the table: the one function that it may run renews its own row and counts the others.

alter table worker set (fillfactor = 50); -- every update stays on its page

create function gloss_worker_seen(worker_id uuid, worker_node text, worker_pid integer, worker_version text) returns bigint
    language sql volatile security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    delete from worker w
     where w.seen_at < clock_timestamp() - interval '1 minute' and w.id <> worker_id;
    insert into worker (id, node, pid, version)
    values (worker_id, worker_node, worker_pid, worker_version)
    on conflict (id) do update set seen_at = clock_timestamp();
    select count(*)
      from worker w
     where w.id <> worker_id and w.seen_at > clock_timestamp() - interval '5 seconds';
end;

revoke all on function gloss_worker_seen(uuid, text, integer, text) from public;
grant execute on function gloss_worker_seen(uuid, text, integer, text) to :"reader";
