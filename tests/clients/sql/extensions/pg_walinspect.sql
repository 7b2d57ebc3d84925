create extension pg_walinspect;
create table t (a int);
select pg_current_wal_lsn() lsn \gset
insert into t select generate_series(1, 10);
select pg_current_wal_flush_lsn() lsn2 \gset
-- only what is of this table: others, autovacuum too, write beside it
select resource_manager, record_type, count(*) > 0 from pg_get_wal_records_info(:'lsn', :'lsn2') where start_lsn in
  (select start_lsn from pg_get_wal_block_info(:'lsn', :'lsn2') where relfilenode = pg_relation_filenode('t')) group by 1, 2 order by 1, 2;
select count(*) > 0 from pg_get_wal_records_info(:'lsn', :'lsn2') where resource_manager = 'Transaction' and record_type = 'COMMIT';
select count(*) > 0 from pg_get_wal_stats(:'lsn', :'lsn2') where count > 0;
select count(*) > 0 from pg_get_wal_block_info(:'lsn', :'lsn2');
select resource_manager is not null from pg_get_wal_record_info(:'lsn');
select count(*) from pg_get_wal_records_info('F/FFFFFF00', 'F/FFFFFFFF');
