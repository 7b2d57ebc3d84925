create extension pg_logicalinspect;
select pg_get_logical_snapshot_meta('0-40796E18.foo');
select pg_get_logical_snapshot_meta('0-40796E18.snap');
