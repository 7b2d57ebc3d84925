create extension pg_repack;
select repack.version();
create table t (a int primary key, b text);
insert into t select i, 'row' from generate_series(1, 100) i;
select relname, pkid is not null as keyed from repack.tables where relname = 'public.t';
select repack.get_order_by('t_pkey'::regclass, 't'::regclass);
