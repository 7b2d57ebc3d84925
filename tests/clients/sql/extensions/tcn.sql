create extension tcn;
create table t (a int primary key, b text);
create trigger t_tcn after insert or update or delete on t for each row execute function triggered_change_notification('changes');
listen changes;
insert into t values (1, 'it''s');
update t set b = 'x' where a = 1;
delete from t where a = 1;
