create extension "uuid-ossp";
select uuid_nil(), uuid_ns_dns(), uuid_ns_url(), uuid_ns_oid(), uuid_ns_x500();
select uuid_generate_v3(uuid_ns_url(), 'http://www.postgresql.org'), uuid_generate_v5(uuid_ns_dns(), 'www.example.org');
select substr(uuid_generate_v1()::text, 15, 1), substr(uuid_generate_v1mc()::text, 15, 1), substr(uuid_generate_v4()::text, 15, 1), uuid_generate_v4() <> uuid_generate_v4(), uuid_generate_v1() <> uuid_generate_v1();
create table t (id uuid primary key default uuid_generate_v4(), n int);
insert into t (n) select generate_series(1, 1000);
select count(distinct id) from t;
