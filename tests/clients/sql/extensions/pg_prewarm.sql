create extension pg_prewarm;
create table t as select i from generate_series(1, 20000) i;
vacuum t;
select pg_prewarm('t'), pg_prewarm('t', 'read'), pg_prewarm('t', 'prefetch'), pg_prewarm('t', 'buffer', 'vm');
select pg_prewarm('t', 'buffer', 'main', 5, 9);
select pg_prewarm('t', 'buffer', 'main', 5, 100000);
select pg_prewarm('t', 'boil');
