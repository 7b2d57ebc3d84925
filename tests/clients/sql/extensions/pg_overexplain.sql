load 'pg_overexplain';
set max_parallel_workers_per_gather = 2; -- with one processor it is 0 here
create table t (a int);
explain (costs off, debug) select * from t where a > 1;
explain (costs off, range_table) select * from t;
explain (costs off, bogus) select 1;
