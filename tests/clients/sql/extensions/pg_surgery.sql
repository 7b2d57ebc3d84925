create extension pg_surgery;
create table t (a int);
insert into t values (1), (2), (3);
select heap_force_kill('t', array['(0,1)'::tid]);
select * from t;
begin; delete from t where a = 2; commit;
select heap_force_freeze('t', array['(0,2)'::tid]);
select * from t order by a;
select heap_force_freeze('t', array['(9,9)'::tid]);
