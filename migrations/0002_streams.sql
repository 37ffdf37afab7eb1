-- Projects, their members, documents and sessions, and the streams that order everything: the log of each and what follows from it.
-- Locks: account (share row exclusive, for the foreign keys; it is short).
--
-- The log (op) is the truth. stream, annotation, label, member, document and the columns of project follow from it and are written by the statement
-- that appends to it; `glossd check` makes them again from the log and compares.
-- op and annotation have no foreign keys of their own: one statement writes them, only for stream rows that it holds locked, and a key check for each row
-- would only repeat that at the cost of every append. Their project is there for row-level security, and compared with the stream's by that statement.

create table project (
    id              uuid primary key,
    name            text collate "C" not null check (octet_length(name) between 1 and 256),
    epoch           bigint not null default 1 check (epoch > 0),      -- moves with members and policy; compared by every append
    codebook        bigint not null default 0 check (codebook >= 0),  -- seq of the last op that changed labels or their policy
    is_open         boolean not null default true,                    -- an unknown label makes a new one
    others_may_edit boolean not null default true,                    -- annotators may change what others made
    created_at      timestamptz(3) not null default clock_timestamp()
);

create table member (
    project uuid not null references project,
    account uuid not null references account,
    role    text check (role in ('viewer', 'annotator', 'curator', 'owner')), -- null: a former member, kept for the name
    primary key (project, account)
);
create index member_by_account on member (account, project);

-- A project's stream has the project's id, a session's the session's. Updated with every append: half of each page stays free, so that
-- the new version of a row stays on its page.
create table stream (
    id            uuid primary key,
    kind          text not null check (kind in ('project', 'session')),
    project       uuid not null references project,
    head          bigint not null default 0 check (head >= 0),
    chain_start   bytea not null check (octet_length(chain_start) = 32), -- chain(0)
    chain         bytea not null check (octet_length(chain) = 32),
    sum           bytea not null default decode(repeat('00', 32), 'hex') check (octet_length(sum) = 32),
    mode          text not null default 'shared' check (mode in ('shared', 'closed', 'blind', 'review')),
    mode_seq      bigint not null default 0,
    live          bigint not null default 0 check (live >= 0),           -- annotations that are not deleted
    retained_from bigint not null default 1 check (retained_from > 0),   -- ops below are archived; a snapshot stands at the seq before
    last_at       timestamptz(3),
    unique (id, project),
    check (kind = 'session' or id = project)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000);
create index stream_by_project on stream (project);

create table document (
    id         uuid primary key,
    project    uuid not null references project,
    title      text collate "C" not null check (octet_length(title) between 1 and 512),
    filename   text collate "C" check (octet_length(filename) between 1 and 512),
    sha256     bytea not null check (octet_length(sha256) = 32), -- of the first revision
    created_at timestamptz(3) not null,
    created_by uuid not null references account,
    unique (id, project),
    unique (project, sha256)
);
create index document_by_title on document (project, title, id);

-- The exact bytes, never changed.
create table revision (
    id         uuid primary key,
    project    uuid not null,
    document   uuid not null,
    number     integer not null check (number > 0),
    sha256     bytea not null check (octet_length(sha256) = 32),
    bytes      bytea not null,
    byte_count bigint not null check (byte_count = octet_length(bytes)),
    codepoints bigint not null check (codepoints between 0 and byte_count),
    created_at timestamptz(3) not null,
    unique (document, number),
    unique (id, document, project),
    foreign key (document, project) references document (id, project)
);

create table session (
    id       uuid primary key,
    project  uuid not null,
    document uuid not null,
    revision uuid not null,
    name     text collate "C" not null check (octet_length(name) between 1 and 256),
    unique (document, name),
    foreign key (id, project) references stream (id, project),
    foreign key (document, project) references document (id, project),
    foreign key (revision, document, project) references revision (id, document, project)
);

-- payload is text and not jsonb: it is hashed and sent byte by byte, and costs a fifth less. An erased op keeps only its leaf.
create table op (
    stream       uuid not null,
    project      uuid not null,
    seq          bigint not null check (seq > 0),
    op_id        uuid not null,
    account      uuid not null,
    kind         text not null,
    request_hash bytea not null check (octet_length(request_hash) = 32),
    payload      text,
    salt         bytea check (octet_length(salt) = 16),
    chain        bytea not null check (octet_length(chain) = 32),
    leaf         bytea check (octet_length(leaf) = 32),
    primary key (stream, seq),
    unique (stream, op_id),
    check ((payload is null) = (salt is null) and (payload is null) = (leaf is not null))
) with (autovacuum_vacuum_insert_scale_factor = 0.05);

-- The last state of every annotation, tombstones too. record is canonical; the other columns repeat what is asked often. No column that an
-- edit changes has an index, so that updates stay on their page (HOT).
create table annotation (
    stream      uuid not null,
    project     uuid not null,
    id          uuid not null,
    creator     uuid not null,
    created_seq bigint not null check (created_seq > 0),
    label       uuid,
    status      text not null check (status in ('proposed', 'active', 'accepted', 'rejected', 'resolved')),
    start_cp    bigint not null,
    end_cp      bigint not null check (end_cp >= start_cp),
    deleted     boolean not null,
    record      text not null,
    primary key (stream, id)
) with (fillfactor = 85);

create table label (
    id      uuid not null,
    project uuid not null references project,
    name    text collate "C" not null check (octet_length(name) between 1 and 256),
    primary key (project, id),
    unique (project, name)
);

-- A stream's state at a seq, so that older ops can be archived: records are one canonical annotation a line, in the order they were made.
create table snapshot (
    stream     uuid not null,
    project    uuid not null,
    seq        bigint not null check (seq > 0),
    chain      bytea not null check (octet_length(chain) = 32),
    sum        bytea not null check (octet_length(sum) = 32),
    mode       text not null,
    mode_seq   bigint not null,
    records    text not null,
    created_at timestamptz(3) not null default clock_timestamp(),
    primary key (stream, seq),
    foreign key (stream, project) references stream (id, project)
);
