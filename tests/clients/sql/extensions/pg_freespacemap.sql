create extension pg_freespacemap;
create table t (a int, b text);
insert into t select i, repeat('x', 100) from generate_series(1, 1000) i;
delete from t where a % 2 = 0;
vacuum t;
select count(*), bool_and(avail > 0) from pg_freespace('t');
select pg_freespace('t', 0) > 1000;
