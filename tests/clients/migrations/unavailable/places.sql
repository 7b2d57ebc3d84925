CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION no_such_extension;
CREATE EXTENSION postgis_raster;
CREATE TABLE places (
  id serial PRIMARY KEY,
  location geometry(Point, 4326),
  embedding vector(3) NOT NULL,
  tags hstore
);
SELECT rollup_total FROM sales GROUP BY CUBE (a, b);
SELECT 'create nothing', a.id FROM places a WHERE ST_DWithin(location, ST_MakePoint(1, 2), 10);
