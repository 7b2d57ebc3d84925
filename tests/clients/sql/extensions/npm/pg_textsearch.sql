create extension pg_textsearch;
create table d (id serial primary key, body text);
insert into d (body) values ('PostgreSQL is a database'), ('a fast full text search'), ('database search with BM25 ranking in PostgreSQL');
create index d_bm25 on d using bm25 (body) with (text_config = 'english');
select id, (body <@> to_bm25query('database search', 'd_bm25')) < 0 from d order by body <@> to_bm25query('database search', 'd_bm25') limit 2;
