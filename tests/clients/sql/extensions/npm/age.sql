create extension age;
load 'age';
set search_path = ag_catalog, public;
select create_graph('gra');
select * from cypher('gra', $$ create (:person {name: 'Ann'})-[:knows {since: 2020}]->(:person {name: 'Bob'}) $$) as (v agtype);
select * from cypher('gra', $$ match (a:person)-[k:knows]->(b) return a.name, k.since, b.name $$) as (a agtype, since agtype, b agtype);
select * from cypher('gra', $$ match (n) return count(n), 1 + 2.5, toUpper('x') $$) as (n agtype, x agtype, u agtype);
select drop_graph('gra', true);
