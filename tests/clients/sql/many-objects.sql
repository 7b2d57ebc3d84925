-- A database with one of nearly everything pg_dump knows, and rows in it. Objects of the whole cluster (roles, tablespaces) stay out.
create schema app;
comment on schema app is 'the application''s schema';
set search_path = app, public;

create type mood as enum ('sad', 'ok', 'happy');
create type address as (street text, zip char(5));
create domain positive as int default 1 check (value > 0);
create type float_range as range (subtype = float8, subtype_diff = float8mi);
create sequence odd_numbers as int increment 2 minvalue 1 maxvalue 1000001 start 1 cycle;

create function add(a int, b int) returns int language sql immutable parallel safe return a + b;
create function touch() returns trigger language plpgsql as $$
begin
    new.changed = '2026-01-01 00:00:00+00';
    return new;
end $$;
create function series(n int, out i int, out square bigint) returns setof record language plpgsql as $$
begin
    for i in 1..n loop
        square = i::bigint * i;
        return next;
    end loop;
end $$;
create procedure reset_numbers() language sql begin atomic select setval('odd_numbers', 1); end;
create aggregate total (int) (sfunc = add, stype = int, initcond = '0');
create function same_text(text, text) returns bool language sql immutable strict as 'select lower($1) = lower($2)';
create operator =~= (leftarg = text, rightarg = text, function = same_text, commutator = =~=);
create cast (mood as int) with inout;
create collation plain from "C";

create table person (
    id bigint generated always as identity primary key,
    name text not null collate plain,
    born date check (born > '1900-01-01'),
    mood mood default 'ok',
    home address,
    score positive,
    data jsonb default '{}',
    tags text[],
    photo bytea,
    span float_range,
    upper_name text generated always as (upper(name)) stored,
    changed timestamptz,
    constraint sane check (score is null or score < 1000000)
);
comment on table person is 'people';
comment on column person.home is 'where they live';
create index person_name on person (lower(name) text_pattern_ops) where mood <> 'sad';
create index person_data on person using gin (data jsonb_path_ops);
create index person_span on person using gist (span);
create index person_cover on person (born desc nulls last) include (name) with (fillfactor = 70);
create index person_brin on person using brin (born);
create index person_hash on person using hash (name);
create statistics person_stats (dependencies, ndistinct) on mood, score from person;
alter table person alter column name set statistics 500, alter column photo set storage external;
create trigger person_touch before insert or update on person for each row execute function touch();

create table booking (
    room int,
    during tsrange,
    person_id bigint not null references person on delete cascade deferrable initially deferred,
    exclude using gist (during with &&)
);
alter table booking add constraint room_known check (room > 0) not valid;

create table event (at date not null, kind text not null, payload text) partition by range (at);
create table event_2025 partition of event for values from ('2025-01-01') to ('2026-01-01');
create table event_2026 partition of event for values from ('2026-01-01') to ('2027-01-01') partition by list (kind);
create table event_2026_a partition of event_2026 for values in ('a');
create table event_2026_other partition of event_2026 default;
create index event_at on event (at, kind);

create table base (id int, note text);
create table derived (extra int) inherits (base);
create unlogged table scratch (v int);
create table typed of address (street with options not null);
create table "Odd ""Name""" ("sp ace" int, "select" text);

create view happy_people with (security_barrier) as select id, name from person where mood = 'happy' with local check option;
create recursive view counting (n) as values (1) union all select n + 1 from counting where n < 10;
create materialized view by_mood as select mood, count(*) n from person group by mood with no data;
create unique index by_mood_key on by_mood (mood);
create rule no_delete as on delete to base do instead nothing;

alter table person enable row level security;
create policy own_rows on person for select using (name = current_user) ;
grant select on person to public;
grant execute on function add(int, int) to public;
revoke all on function series(int) from public;
alter default privileges in schema app grant select on tables to public;

create text search dictionary plain_dict (template = simple, stopwords = english);
create text search configuration plain (copy = simple);
alter text search configuration plain alter mapping for word with plain_dict, simple;
create publication changes for table person (id, name), event with (publish = 'insert, update');
create function noted() returns event_trigger language plpgsql as $$ begin null; end $$;
create event trigger noted on ddl_command_end when tag in ('CREATE TABLE') execute function noted();
alter event trigger noted disable;

insert into person (name, born, mood, home, score, data, tags, photo, span)
select 'Person ' || i, date '1950-01-01' + i, (enum_range(null::mood))[1 + i % 3], row('Street ' || i, lpad(i::text, 5, '0'))::address,
       1 + i, jsonb_build_object('i', i, 'text', E'tab\tquote" ünïcode 🐘', 'null', null), array['a,b', '{', null, i::text],
       decode(md5(i::text), 'hex'), float_range(i, i + 0.5)
from generate_series(1, 500) i;
insert into person (name) values (E'back\\slash\nnewline\ttab'), ('');
insert into booking select i, tsrange(timestamp '2026-01-01' + i * interval '1 day', timestamp '2026-01-02' + i * interval '1 day'), i from generate_series(1, 100) i;
insert into event select date '2025-01-01' + i, case i % 3 when 0 then 'a' else 'b' end, repeat('payload ', i % 20) from generate_series(0, 700) i;
insert into base values (1, 'base');
insert into derived values (2, 'derived', 3);
insert into "Odd ""Name""" values (1, 'one');
select setval('odd_numbers', 77);
refresh materialized view by_mood;
select lo_from_bytea(424242, 'a large object');
comment on large object 424242 is 'kept by the dump';
