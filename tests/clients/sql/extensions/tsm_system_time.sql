create extension tsm_system_time;
create table t as select generate_series(1, 1000) i;
vacuum t;
select count(*) from t tablesample system_time (100000);
select count(*) from t tablesample system_time (-1);
explain (costs off) select * from t tablesample system_time (10);
