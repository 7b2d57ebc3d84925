load 'pg_overexplain';
create table t (a int);
explain (costs off, debug) select * from t where a > 1;
explain (costs off, range_table) select * from t;
explain (costs off, bogus) select 1;
