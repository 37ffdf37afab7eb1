-- What surrounds the streams: runs of automated taggers, lasting work for helpers, webhooks, and the workers that are alive.
-- Locks: stream, project, account (share row exclusive, for the foreign keys; it is short).

create table run (
    id         uuid primary key,
    stream     uuid not null,
    project    uuid not null,
    account    uuid not null references account,
    name       text collate "C" not null check (octet_length(name) between 1 and 256),
    created_at timestamptz(3) not null default clock_timestamp(),
    unique (stream, account, name),
    foreign key (stream, project) references stream (id, project)
);

-- Taken by helpers with `for update skip locked`, oldest due first.
create table job (
    id         bigint generated always as identity primary key,
    project    uuid references project,
    kind       text not null check (octet_length(kind) between 1 and 64),
    detail     jsonb not null default '{}',
    due_at     timestamptz(3) not null default clock_timestamp(),
    attempts   integer not null default 0,
    failure    text,
    created_at timestamptz(3) not null default clock_timestamp(),
    done_at    timestamptz(3)
);
create index job_due on job (due_at, id) where done_at is null;

create table webhook (
    id          uuid primary key,
    project     uuid not null references project,
    account     uuid not null references account,
    url         text not null check (url like 'https://%' and octet_length(url) <= 2048),
    secret      bytea not null,
    kinds       text[] not null default '{}',
    created_at  timestamptz(3) not null default clock_timestamp(),
    disabled_at timestamptz(3)
);

-- One row for each worker process, renewed every few seconds. version and kinds tell which ops it understands.
create table worker (
    id         uuid primary key,
    node       text not null,
    pid        integer not null,
    version    text not null,
    kinds      text[] not null default '{}',
    started_at timestamptz(3) not null default clock_timestamp(),
    seen_at    timestamptz(3) not null default clock_timestamp()
);
