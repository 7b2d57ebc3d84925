create extension pg_buffercache;
create table t as select generate_series(1, 10000) i;
select count(*) > 0 from pg_buffercache where relfilenode = pg_relation_filenode('t');
select buffers_used > 0, buffers_unused >= 0, buffers_dirty >= 0, usagecount_avg > 0 from pg_buffercache_summary();
select sum(buffers) = (select setting::int from pg_settings where name = 'shared_buffers') from pg_buffercache_usage_counts();
checkpoint;
select buffers_evicted > 0 from pg_buffercache_evict_relation('t');
select count(*) from t;
