-- Your SQL goes here
CREATE EXTENSION IF NOT EXISTS ltree;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE EXTENSION IF NOT EXISTS pgcrypto;
/* CREATE EXTENSION postgis; */
CREATE TABLE categories (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  path LTREE NOT NULL,
  secret TEXT NOT NULL DEFAULT crypt('secret', gen_salt('bf', 4)),
  valid TSTZRANGE NOT NULL DEFAULT tstzrange(now(), null),
  EXCLUDE USING gist (path WITH =, valid WITH &&)
);
INSERT INTO categories (path) VALUES ('a.b');
