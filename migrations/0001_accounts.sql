-- Accounts, their tokens, and the note of what administrators and owners did: who can sign in.
-- Locks: only what it makes itself.
--
-- Ids come from the program. Names compare byte by byte (collate "C"), so that no upgrade of the system's collations can break an index.

create table account (
    id          uuid primary key,
    name        text collate "C" not null unique check (octet_length(name) between 1 and 256),
    password    text check (password like 'scrypt$%'), -- null: signs in with tokens only
    is_admin    boolean not null default false,
    created_at  timestamptz(3) not null default clock_timestamp(),
    disabled_at timestamptz(3)
);

create table token (
    id            uuid primary key,
    account       uuid not null references account,
    label         text not null default '' check (octet_length(label) <= 256),
    secret_sha256 bytea not null unique check (octet_length(secret_sha256) = 32),
    created_at    timestamptz(3) not null default clock_timestamp(),
    expires_at    timestamptz(3),
    revoked_at    timestamptz(3)
);
create index token_by_account on token (account, created_at);

-- Rows are only ever added. subject is an account, a token or a project, as action says.
create table audit (
    id      bigint generated always as identity primary key,
    at      timestamptz(3) not null default clock_timestamp(),
    account uuid,                                     -- who did it; null: glossd
    action  text not null check (octet_length(action) between 1 and 64),
    subject uuid,
    detail  jsonb
);
