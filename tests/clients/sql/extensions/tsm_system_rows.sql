create extension tsm_system_rows;
create table t as select generate_series(1, 1000) i;
select count(*) from t tablesample system_rows (100);
select count(*) from t tablesample system_rows (5000);
select count(*) from t tablesample system_rows (-1);
explain (costs off) select * from t tablesample system_rows (10);
