create extension ip4r;
create table t (id int, r iprange, a ip4);
insert into t select i, (format('10.%s.0.0/16', i))::iprange, (format('10.%s.0.1', i))::ip4 from generate_series(0, 200) i;
create index on t using gist (r);
set enable_seqscan = off;
select id, r from t where r >>= '10.7.3.4'::ipaddress;
select count(*) from t where r && '10.0.0.0-10.15.255.255'::iprange;
select '192.168.1.0/24'::ip4r, lower('192.168.1.0/24'::ip4r), '::1'::ip6, a + 1 from t where id = 3;
select '300.1.1.1'::ip4;
