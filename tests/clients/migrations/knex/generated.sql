create extension if not exists "uuid-ossp";
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS unaccent;
create table "products" ("id" uuid default uuid_generate_v4(), "attributes" hstore not null, "name" text not null);
alter table "products" add constraint "products_pkey" primary key ("id");
insert into "products" ("attributes", "name") values ('color=>red, size=>"XL"', unaccent('Crème'));
