create extension intagg;
select int_array_aggregate(i) from generate_series(1, 5) i;
select int_array_enum(array[3, 1, 2]);
create view v as select int_array_aggregate(i) from generate_series(1, 3) i;
select * from v;
