-- The codebook holds labels, attributes and types of relations, each as one canonical record; documents get metadata, and projects a name that changes.
-- Locks: access exclusive on label, document and project, for as long as it takes to write a row for each label.
--
-- A label's record follows from the op that made it, which the log has. to_json() writes a string as RFC 8785 does.

create table term (
    id      uuid not null,
    project uuid not null references project,
    kind    text collate "C" not null check (kind in ('label', 'attribute', 'relation')),
    name    text collate "C" not null check (octet_length(name) between 1 and 256),
    seq     bigint not null check (seq > 0), -- the op that changed it last
    record  text not null check (octet_length(record) <= 32768),
    primary key (project, id),
    unique (project, kind, name)
);
create index term_by_seq on term (project, seq); -- what is newer than what a worker has

insert into term (id, project, kind, name, seq, record)
select l.id, l.project, 'label', l.name, o.seq,
       '{"by":"' || o.account || '","created":' || o.seq || ',"id":"' || l.id || '","kind":"label","name":' || to_json(l.name::text)::text
       || ',"seq":' || o.seq || '}'
  from label l
  join op o on o.stream = l.project and o.kind = 'label.create' and (o.payload::jsonb #>> '{effects,0,set,label}')::uuid = l.id;

do $$
begin
    if (select count(*) from term) <> (select count(*) from label) then
        raise exception 'some labels are not in the log; glossd check says which';
    end if;
end $$;
drop table label;

-- A document's metadata. title was there; an absent value is null, never empty.
alter table document
    add column authors    text[] check (cardinality(authors) between 1 and 64),
    add column publisher  text collate "C" check (octet_length(publisher) between 1 and 512),
    add column dated      text collate "C" check (dated ~ '^\d{4}(-\d\d(-\d\d)?)?$'),
    add column source     text collate "C" check (octet_length(source) between 1 and 2048),
    add column language   text collate "C" check (octet_length(language) between 1 and 64),
    add column folder     text collate "C" check (octet_length(folder) between 1 and 512),
    add column tags       text[] check (cardinality(tags) between 1 and 64),
    add column changed_seq bigint not null default 0, -- the project's op that changed it last; 0: none since it was made
    add column changed_by uuid;

alter table term enable row level security, force row level security;
create policy owner_all on term to :"owner" using (true) with check (true);
create policy append_all on term to :"append" using (true) with check (true);
create policy read_mine on term for select to :"reader" using (project = any ((select gloss_projects())::uuid[]));

grant select on term to :"reader";
grant select (project, id), insert (id, project, kind, name, seq, record), update (name, seq, record) on term to :"append";
grant select (id), insert (authors, publisher, dated, source, language, folder, tags),
    update (title, authors, publisher, dated, source, language, folder, tags, changed_seq, changed_by) on document to :"append";
grant update (name, others_may_edit) on project to :"append";

-- An owner may give a role to an account that is named by its id.
create function gloss_account_is(id uuid) returns boolean
    language sql stable security definer
    set search_path = pg_catalog, public, pg_temp
begin atomic
    select exists (select from account a where a.id = gloss_account_is.id);
end;
revoke all on function gloss_account_is(uuid) from public;
grant execute on function gloss_account_is(uuid) to :"reader";
