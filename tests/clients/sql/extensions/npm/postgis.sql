-- PostGIS. What each answer should be is known from geometry, from the documentation of the function, or from native PostGIS 3.6 on PostgreSQL 18
-- with the same statements (see docs/extensions.md).
create extension postgis;
select postgis_lib_version(), split_part(postgis_geos_version(), '-', 1), split_part(postgis_proj_version(), ' ', 1);
select count(*) > 8000 from spatial_ref_sys;

-- geometry: measures, predicates, constructions (GEOS)
select st_area('POLYGON((0 0,4 0,4 3,0 3,0 0),(1 1,2 1,2 2,1 2,1 1))'::geometry), st_perimeter('POLYGON((0 0,4 0,4 3,0 3,0 0))'::geometry), st_length('LINESTRING(0 0,3 4,3 10)'::geometry);
select st_distance('POINT(0 0)'::geometry, 'LINESTRING(3 4,5 4)'::geometry), st_maxdistance('POINT(0 0)', 'LINESTRING(3 4,5 12)');
select st_intersects('LINESTRING(0 0,2 2)'::geometry, 'LINESTRING(0 2,2 0)'), st_contains('POLYGON((0 0,4 0,4 4,0 4,0 0))', 'POINT(1 1)'), st_touches('POLYGON((0 0,1 0,1 1,0 1,0 0))', 'POLYGON((1 0,2 0,2 1,1 1,1 0))'), st_within('POINT(9 9)', 'POLYGON((0 0,4 0,4 4,0 4,0 0))'), st_relate('LINESTRING(0 0,2 2)', 'LINESTRING(0 2,2 0)');
select st_astext(st_intersection('POLYGON((0 0,2 0,2 2,0 2,0 0))', 'POLYGON((1 1,3 1,3 3,1 3,1 1))'));
select st_area(st_union('POLYGON((0 0,2 0,2 2,0 2,0 0))'::geometry, 'POLYGON((1 1,3 1,3 3,1 3,1 1))')), st_area(st_symdifference('POLYGON((0 0,2 0,2 2,0 2,0 0))'::geometry, 'POLYGON((1 1,3 1,3 3,1 3,1 1))'));
select st_area(st_union(g)), st_numgeometries(st_collect(g)) from (select st_makeenvelope(i, 0, i + 2, 1) g from generate_series(0, 9) i) s;
select round(st_area(st_buffer('POINT(0 0)', 1, 'quad_segs=32'))::numeric, 4), st_npoints(st_buffer('POINT(0 0)', 1)), round(st_area(st_buffer('LINESTRING(0 0,10 0)', 1, 'endcap=flat'))::numeric, 6);
select st_astext(st_centroid('POLYGON((0 0,4 0,4 4,0 4,0 0))'::geometry)), st_astext(st_convexhull('MULTIPOINT(0 0,4 0,4 4,0 4,2 2)')), st_astext(st_envelope('LINESTRING(1 2,3 9)'));
select st_astext(st_simplify('LINESTRING(0 0,1 0.05,2 0,3 5)', 0.1)), st_astext(st_snaptogrid('POINT(1.26 3.74)', 0.5)), st_astext(st_linemerge('MULTILINESTRING((0 0,1 1),(1 1,2 2))'));
select st_astext(st_delaunaytriangles('MULTIPOINT(0 0,2 0,1 2)')), st_astext((st_dump(st_polygonize('MULTILINESTRING((0 0,1 0),(1 0,1 1),(1 1,0 0))'::geometry))).geom);
select st_numgeometries(st_voronoipolygons('MULTIPOINT(0 0,4 0,4 4,0 4,2 2)')), st_astext(st_closestpoint('LINESTRING(0 0,10 0)', 'POINT(3 4)')), st_astext(st_lineinterpolatepoint('LINESTRING(0 0,10 0)', 0.25));
select st_astext(st_split('LINESTRING(0 0,2 2)', 'LINESTRING(0 2,2 0)')), st_hausdorffdistance('LINESTRING(0 0,2 0)', 'MULTIPOINT(0 1,1 0,2 1)');

-- invalid input is an ordinary error, whoever finds it
select st_isvalid(b), st_isvalidreason(b), st_astext(st_makevalid(b)) from (select 'POLYGON((0 0,2 2,2 0,0 2,0 0))'::geometry b) s;
select st_geomfromtext('POLYGON((0 0,1 1');
select st_makepolygon('LINESTRING(0 0,1 1,1 0)');
select st_relate('GEOMETRYCOLLECTION(POINT(0 0))'::geometry, 'POINT(0 0)'::geometry, 'nonsense');
select st_buffer('LINESTRING(0 0,1 1)', 1, 'join=nonsense');
select st_relatematch('101202FFF', 'nonsense');
select st_area(st_intersection('POLYGON((0 0,2 2,2 0,0 2,0 0))', 'POLYGON((0 0,3 0,3 1,0 1,0 0))'));
select st_astext(st_union('LINESTRING(0 0,nan nan)'::geometry, 'POINT(1 1)'));
select 'the session goes on';

-- 3D, curves, collections
select st_astext('POINT ZM (1 2 3 4)'), st_3ddistance('POINT(0 0 0)', 'POINT(2 3 6)'), st_z('POINT(1 2 3)'), st_astext(st_force2d('POINT(1 2 3)'));
select round(st_length('CIRCULARSTRING(0 0,1 1,2 0)')::numeric, 6), st_astext(st_multi('POINT(1 1)')), geometrytype(st_collectionextract('GEOMETRYCOLLECTION(POINT(0 0),LINESTRING(0 0,1 1))', 2));

-- formats
select st_asgeojson('POINT(1.5 2.25)'), st_asgeojson(st_setsrid('LINESTRING(1 2,3 4)'::geometry, 4326), 2), st_astext(st_geomfromgeojson('{"type":"Point","coordinates":[1,2]}'));
select st_geomfromgeojson('{"type":"Nothing"}');
select encode(st_asbinary('POINT(1 2)'::geometry), 'hex'), st_asewkt(st_geomfromewkb(st_asewkb('SRID=4326;POINT(1 2)'::geometry))), st_ashexewkb('POINT(0 0)'::geometry);
select st_assvg('POLYGON((0 0,1 0,1 1,0 0))'), st_astext(st_geomfromkml('<Point><coordinates>2,3</coordinates></Point>')), st_asgml('POINT(1 2)'::geometry);
select st_askml('SRID=4326;POINT(1 2)'), st_geohash(st_setsrid('POINT(-126 48)'::geometry, 4326)), st_astext(st_pointfromgeohash('9qqj7nmxncgyy4d0dbxqz0', 4));
select encode(st_astwkb('LINESTRING(1 1,5 5)'::geometry), 'hex'), st_asencodedpolyline('SRID=4326;LINESTRING(-120.2 38.5,-120.95 40.7,-126.453 43.252)'), st_aslatlontext('POINT(-3.2342342 -2.32498)');
select length(st_asmvt(q, 'layer')) from (select 1 as id, 'a' as name, st_asmvtgeom('POINT(25 17)'::geometry, st_makebox2d('POINT(0 0)', 'POINT(4096 4096)')) as geom) q;
select length(st_asflatgeobuf(q, false, 'geom')) > 0 from (select 'POINT(25 17)'::geometry as geom) q;

-- reference systems (PROJ and its database)
select round(st_x(g)::numeric, 2), round(st_y(g)::numeric, 2) from (select st_transform('SRID=4326;POINT(13.4 52.5)', 3857) g) s;
select round(st_x(g)::numeric, 2), round(st_y(g)::numeric, 2) from (select st_transform('SRID=4326;POINT(13.4 52.5)', 32633) g) s;
select round(st_x(g)::numeric, 2), round(st_y(g)::numeric, 2) from (select st_transform('SRID=4326;POINT(13.4 52.5)', 25833) g) s;
select round(st_x(g)::numeric, 2), round(st_y(g)::numeric, 2) from (select st_transform('SRID=4326;POINT(-0.1276 51.5072)', 27700) g) s;
select round(st_x(g)::numeric, 2), round(st_y(g)::numeric, 2) from (select st_transform('SRID=4326;POINT(2.35 48.85)', 2154) g) s;
select round(st_x(g)::numeric, 6), round(st_y(g)::numeric, 6) from (select st_transform('SRID=3857;POINT(1491681 6891041)', 4326) g) s;
select round(st_x(g)::numeric, 6), round(st_y(g)::numeric, 6) from (select st_transform('SRID=4269;POINT(-71.2 42.3)', 4326) g) s;
select round(st_x(g)::numeric, 3), round(st_y(g)::numeric, 3) from (select st_transform('POINT(10 50)'::geometry, '+proj=longlat +datum=WGS84', '+proj=utm +zone=32 +datum=WGS84') g) s;
select st_transform('SRID=4326;POINT(1 1)', 999999);
select st_transform('SRID=4326;POINT(1 1)', 'nonsense');
select st_transform('SRID=4326;POINT(1 95)', 3857);

-- geography (on the spheroid)
select round(st_distance('POINT(-73.9857 40.7484)'::geography, 'POINT(2.2945 48.8584)'::geography)::numeric, -2), st_dwithin('POINT(13.4 52.5)'::geography, 'POINT(13.41 52.5)'::geography, 700);
select round(st_area('POLYGON((0 0,1 0,1 1,0 1,0 0))'::geography)::numeric, -5), round(st_length('LINESTRING(0 0,0 1)'::geography)::numeric, 1), round(degrees(st_azimuth('POINT(0 0)'::geography, 'POINT(1 1)'::geography))::numeric, 4);
select st_astext(st_project('POINT(0 0)'::geography, 100000, radians(45))::geometry, 4), st_intersects('POLYGON((0 0,2 0,2 2,0 2,0 0))'::geography, 'POINT(1 1)'::geography), st_summary('POINT(1 1)'::geography);

-- indexes
create table places (id int primary key, name text, at geometry(Point, 4326), g geography(Point));
insert into places select i, 'p' || i, p, p from (select i, st_setsrid(st_makepoint((i * 37) % 360 - 180, (i * 17) % 170 - 85), 4326) p from generate_series(1, 3000) i) s;
create index places_at on places using gist (at);
create index places_g on places using gist (g);
create index places_sp on places using spgist (at);
create index places_brin on places using brin (at);
analyze places;
insert into places values (4000, 'bad', 'SRID=4326;LINESTRING(0 0,1 1)', null);
insert into places values (4000, 'bad', 'SRID=3857;POINT(0 0)', null);
set enable_seqscan = off;
explain (costs off) select count(*) from places where st_dwithin(g, 'POINT(0 0)'::geography, 900000);
select count(*) from places where st_dwithin(g, 'POINT(0 0)'::geography, 900000);
select count(*) from places where at && st_makeenvelope(0, 0, 20, 20, 4326) and st_intersects(at, st_makeenvelope(0, 0, 20, 20, 4326));
select name, round(st_distance(g, 'POINT(10 10)'::geography)::numeric, -3) from places order by at <-> 'SRID=4326;POINT(10 10)', id limit 3;
set enable_seqscan = on; set enable_indexscan = off; set enable_bitmapscan = off;
select count(*) from places where st_dwithin(g, 'POINT(0 0)'::geography, 900000);
select count(*) from places where st_intersects(at, st_makeenvelope(0, 0, 20, 20, 4326));
select st_extent(at), count(*) from places;
select count(distinct c), count(*) from (select st_clusterdbscan(at, 10, 5) over () c from places) s;
select f_table_name, f_geometry_column, srid, type from geometry_columns;
select postgis_typmod_type(atttypmod), postgis_typmod_srid(atttypmod) from pg_attribute where attrelid = 'places'::regclass and attname = 'at';
select populate_geometry_columns('places'::regclass);
select st_asgeojson(p) from (select id, name, at from places where id = 1) p;
create view near as select id, st_buffer(g, 10) area from places where id < 3;
