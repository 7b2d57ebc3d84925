create extension pgrowlocks;
create table t (a int primary key);
insert into t values (1), (2), (3);
begin;
select * from t where a = 2 for update;
select locked_row, multi, modes, pids = array[pg_backend_pid()] from pgrowlocks('t');
rollback;
select count(*) from pgrowlocks('t');
