-- What psql is recorded with.
create temp table x (i int, t text);
insert into x values (1, 'a'), (2, null) returning *;
copy x from stdin;
3	c
4	\N
\.
copy x to stdout;
\d
\df *get*
select $1::int + 1 \bind 5 \g
select $1::text, $2::int[] \parse named
\bind_named named a '{1,2}' \g
\close_prepared named
\set FETCH_COUNT 2
select * from x;
\set FETCH_COUNT 0
begin;
savepoint s;
select 1/0;
rollback to s;
commit;
do $$ begin raise notice 'x'; end $$;
\startpipeline
select $1::int \bind 1 \sendpipeline
select 1/$1::int \bind 0 \sendpipeline
\syncpipeline
select 2 \bind \sendpipeline
\endpipeline
listen l;
notify l, 'payload';
select * from pg_stat_activity \gdesc
