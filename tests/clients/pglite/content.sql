-- What a PGlite directory may have: types, indexes of all methods, arrays, jsonb, TOAST, partitions, views, functions, sequences, stored expressions, statistics. PGlite and psql run it alike.
CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE EXTENSION pg_trgm; CREATE EXTENSION btree_gin; CREATE EXTENSION btree_gist; CREATE EXTENSION bloom; CREATE EXTENSION ltree; CREATE EXTENSION cube; CREATE EXTENSION isn; CREATE EXTENSION intarray;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN positive AS bigint CHECK (VALUE > 0);
CREATE DOMAIN small AS smallint DEFAULT -7 CHECK (VALUE > -100);
CREATE TYPE pair AS (a bigint, b double precision, c text);
CREATE TYPE floats AS RANGE (subtype = float8, subtype_diff = float8mi);
CREATE TABLE everything (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, i2 smallint DEFAULT -2, i4 int DEFAULT -123456, i8 bigint DEFAULT -9123456789012345678, f4 real DEFAULT -1.5, f8 float8 DEFAULT 2.718281828,
    n numeric(20, 5) DEFAULT -1.00001, m money DEFAULT '-12.34', b bool DEFAULT true, c "char" DEFAULT 'x', ch char(5) DEFAULT 'ab', v varchar DEFAULT 'text', t text DEFAULT 'long', bin bytea DEFAULT '\x00ff',
    d date DEFAULT '0044-03-15 BC', tm time DEFAULT '23:59:59.5', tz timetz DEFAULT '12:00+05', ts timestamp DEFAULT '1969-12-31 23:59:59', tstz timestamptz DEFAULT '2100-01-01', iv interval DEFAULT '-1 month 3 days',
    u uuid DEFAULT '00112233-4455-6677-8899-aabbccddeeff', j json DEFAULT '{"a": 1}', jb jsonb DEFAULT '[1, "x"]', a8 bigint[] DEFAULT '{-1,2}', at text[] DEFAULT '{a,NULL}', r4 int4range DEFAULT '[-5,5)', r8 int8range DEFAULT '(,7]',
    rts tstzrange DEFAULT '[2000-01-01,2001-01-01)', fr floats DEFAULT '[-1.5,2.5)', mr int8multirange DEFAULT '{[1,3),[5,7)}', p point DEFAULT '(-1,2)', bx box DEFAULT '(1,1),(0,0)', ci circle DEFAULT '<(0,0),5>', ad inet DEFAULT '10.0.0.1/8', mac macaddr DEFAULT '08:00:2b:01:02:03',
    mac8 macaddr8 DEFAULT '08:00:2b:01:02:03:04:05', bi bit(5) DEFAULT '10101', vb bit varying DEFAULT '111', tv tsvector DEFAULT 'a:1 b', tq tsquery DEFAULT 'a & b', lsn pg_lsn DEFAULT 'F/FFFFFFFF', o oid DEFAULT 4000000000, rc regclass DEFAULT 'pg_class',
    x8 xid8 DEFAULT '12345678901', mo mood DEFAULT 'ok', po positive DEFAULT 5, sm small, pr pair DEFAULT ROW(-1, 0.5, 'q'), h hstore DEFAULT 'k=>v', cit citext DEFAULT 'CaSe', lt ltree DEFAULT 'a.b', cu cube DEFAULT '(1,2)', ean ean13 DEFAULT '9780393040029',
    g8 bigint GENERATED ALWAYS AS (i8 / 2 + 5000000000) STORED, gf float8 GENERATED ALWAYS AS (f8 * 2.5) STORED, gv bigint GENERATED ALWAYS AS (i8 + 7) VIRTUAL,
    CHECK (i8 < 9000000000000000000 AND f8 <> 1e300), CHECK (ts > '1900-01-01'::timestamp OR i2 = -30000));
INSERT INTO everything (i2, i4, i8, f8, t, jb, at, p, ts, mo) SELECT i - 500, i * -1000, i * -1000000000000, i / 7.0, repeat(md5(i::text), 1 + i % 200), jsonb_build_object('n', i, 'm', md5(i::text)), ARRAY['a' || i, 'b' || i % 10], point(i, -i),
    timestamp '2000-01-01' + i * interval '1 hour', (ARRAY['sad', 'ok', 'happy'])[1 + i % 3]::mood FROM generate_series(1, 1000) i;
UPDATE everything SET f8 = -f8 WHERE id % 5 = 0;
DELETE FROM everything WHERE id % 13 = 0;
ALTER TABLE everything ADD COLUMN late bigint DEFAULT -42, ADD COLUMN latest float8 DEFAULT 1.25, ADD COLUMN gone float8 DEFAULT 3;
ALTER TABLE everything DROP COLUMN gone;
CREATE INDEX ON everything (i8, f8); CREATE UNIQUE INDEX ON everything (id) INCLUDE (f8, t) WHERE i8 < -5000000000 AND i2 > -499::smallint; CREATE INDEX ON everything ((i8 + 5000000000), lower(v)) WHERE f8 > -1e10 AND mo <> 'sad';
CREATE INDEX ON everything USING hash (i8); CREATE INDEX ON everything USING gin (jb); CREATE INDEX ON everything USING gin (at, i8); CREATE INDEX ON everything USING gin (t gin_trgm_ops); CREATE INDEX ON everything USING gist (p); CREATE INDEX ON everything USING gist (r8, i8);
CREATE INDEX ON everything USING gist (fr); CREATE INDEX ON everything USING spgist (p); CREATE INDEX ON everything USING spgist (v); CREATE INDEX ON everything USING brin (ts, i8, f8); CREATE INDEX ON everything USING brin (i8 int8_minmax_multi_ops, f8 float8_bloom_ops); CREATE INDEX ON everything USING bloom (i4);
CREATE TABLE parts (k bigint, w text, at timestamptz NOT NULL DEFAULT '2026-01-01', PRIMARY KEY (k, w)) PARTITION BY RANGE (k);
CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (-9000000000) TO (0); CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (0) TO (5000000000) PARTITION BY LIST (w); CREATE TABLE parts2a PARTITION OF parts2 FOR VALUES IN ('a', 'b'); CREATE TABLE parts2b PARTITION OF parts2 DEFAULT;
CREATE TABLE parts3 PARTITION OF parts DEFAULT; INSERT INTO parts SELECT (i - 200) * 40000000::bigint, chr(97 + i % 4) FROM generate_series(1, 400) i;
CREATE TABLE lists (k float8, b bigint) PARTITION BY LIST (b); CREATE TABLE lists1 PARTITION OF lists FOR VALUES IN (1, -1, 9000000000000000000); CREATE TABLE lists2 PARTITION OF lists FOR VALUES IN (2, NULL); INSERT INTO lists VALUES (1, 1), (2, 9000000000000000000), (3, NULL);
CREATE VIEW sums AS SELECT i2 % 10::smallint AS k, count(*) AS n, sum(i8 + 1000000000000) AS s, avg(f8) FILTER (WHERE f8 > -2.5) AS f, min(ts + interval '1 day') AS t FROM everything WHERE i8 <> -77000000000000 AND ts > timestamptz '1999-01-01' GROUP BY 1;
CREATE VIEW shown AS SELECT id, CASE WHEN i8 < -500000000000000 THEN 5000000000 WHEN f8 > 10.5 THEN -1 ELSE i4 END AS c, COALESCE(late, 123456789012) AS l, i2 IN (-1, -2, 3) AS i, i8 = ANY ('{-1000000000000,5}'::bigint[]) AS y, mo = 'happy' AS h, o = 4000000000 AS o FROM everything;
CREATE MATERIALIZED VIEW kept AS SELECT i2, i8, f8 * 0.5 AS half FROM everything WHERE i8 < -100000000000000 ORDER BY i8; CREATE UNIQUE INDEX ON kept (i8);
CREATE FUNCTION added(bigint, float8 DEFAULT 3.5, int DEFAULT -4) RETURNS float8 LANGUAGE sql IMMUTABLE RETURN $1 + $2 * 1.5 + $3 - 5000000000;
CREATE FUNCTION steps(bigint) RETURNS SETOF bigint LANGUAGE sql BEGIN ATOMIC SELECT g + 7000000000 FROM generate_series(1::bigint, $1) g WHERE g <> -3; END;
CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.late := NEW.i8 - 1; RETURN NEW; END $$;
CREATE TRIGGER noting BEFORE INSERT ON everything FOR EACH ROW WHEN (NEW.i8 > 100000000000 OR NEW.f8 = -1.5) EXECUTE FUNCTION noted();
CREATE RULE kept_off AS ON DELETE TO lists WHERE OLD.b = 9000000000000000000 DO INSTEAD NOTHING;
CREATE SEQUENCE counter AS bigint INCREMENT 7 MINVALUE -9000000000 START -50; SELECT nextval('counter'), nextval('counter');
CREATE ROLE reader; ALTER TABLE parts ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON parts TO reader USING (k < 4000000000 AND at > '2000-01-01');
CREATE TABLE excluded (r int8range, f float8, EXCLUDE USING gist (r WITH &&) WHERE (f > -1.5)); INSERT INTO excluded VALUES ('[1,5000000000)', 2), ('[5000000000,6000000000)', 3);
CREATE TABLE measured AS SELECT i % 10 AS a, (i % 10) * 1000000000000 AS b, (i % 10) / 4.0::float8 AS f, timestamptz '2020-01-01' + (i % 10) * interval '1 day' AS t, 'w' || i % 10 AS w FROM generate_series(1, 3000) i;
CREATE STATISTICS related (ndistinct, dependencies, mcv) ON a, b, f, t, w FROM measured; CREATE STATISTICS computed (mcv) ON (b + 5000000000), (f * 2.5) FROM measured;
SELECT lo_from_bytea(4242, convert_to(repeat('content', 10000), 'UTF8'));
CREATE FUNCTION public.described() RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE r record; line text;
BEGIN
    FOR r IN SELECT c.oid, c.oid::regclass AS name, c.relkind FROM pg_class c WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm', 'v') ORDER BY relname LOOP
        EXECUTE format('SELECT count(*) || '' '' || coalesce(md5(string_agg(t::text, E''\n'' ORDER BY t::text COLLATE "C")), '''') FROM %s t', r.name) INTO line;
        RETURN NEXT r.name || ': ' || line;
        IF r.relkind IN ('m', 'v') THEN RETURN NEXT pg_get_viewdef(r.oid); END IF;
    END LOOP;
    RETURN QUERY SELECT adrelid::regclass::text || '.' || adnum || ' default ' || pg_get_expr(adbin, adrelid) FROM pg_attrdef ORDER BY adrelid::regclass::text, adnum;
    RETURN QUERY SELECT conrelid::regclass::text || ' ' || conname::text || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text, conname;
    RETURN QUERY SELECT pg_get_indexdef(i.indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relnamespace = 'public'::regnamespace ORDER BY c.relname;
    RETURN QUERY SELECT pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND prokind = 'f' AND p.proname NOT LIKE 'described' AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e') ORDER BY p.oid::regprocedure::text;
    RETURN QUERY SELECT relname::text || ' for ' || pg_get_expr(relpartbound, oid) FROM pg_class WHERE relpartbound IS NOT NULL ORDER BY relname;
    RETURN QUERY SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY tgname;
    RETURN QUERY SELECT pg_get_ruledef(oid) FROM pg_rewrite WHERE ev_class >= 16384 AND rulename <> '_RETURN' ORDER BY rulename;
    RETURN QUERY SELECT polname::text || pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY polname;
    RETURN QUERY SELECT pg_get_statisticsobjdef(s.oid) || coalesce(d.stxdndistinct::text, '') || coalesce(d.stxddependencies::text, '') FROM pg_statistic_ext s LEFT JOIN pg_statistic_ext_data d ON d.stxoid = s.oid ORDER BY s.stxname;
    RETURN QUERY SELECT s.stxname::text || ' ' || count(*) || ' ' || md5(string_agg(m::text, E'\n' ORDER BY m.index)) FROM pg_statistic_ext s JOIN pg_statistic_ext_data d ON d.stxoid = s.oid, pg_mcv_list_items(d.stxdmcv) m GROUP BY s.stxname ORDER BY s.stxname;
    RETURN QUERY SELECT md5(string_agg(concat(starelid::regclass, staattnum, stavalues1, stanumbers1), E'\n' ORDER BY starelid::regclass::text, staattnum)) FROM pg_statistic WHERE starelid >= 16384;
    RETURN QUERY SELECT 'sequence ' || sequencename || ' ' || coalesce(last_value, 0) FROM pg_sequences ORDER BY 1;
    RETURN QUERY SELECT viewname::text || md5(definition) FROM pg_views WHERE schemaname IN ('pg_catalog', 'information_schema') ORDER BY schemaname, viewname;
    RETURN QUERY SELECT md5(lo_get(4242));
    RETURN QUERY SELECT added(1)::text || (SELECT sum(s) FROM steps(10) s);
    RETURN QUERY SELECT extname::text || extversion FROM pg_extension ORDER BY extname;
END $$;
ANALYZE;
