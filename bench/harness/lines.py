"""The lines of the benchmark: one entry each. A new line is one more entry here (and, for a rate, a script in ../scripts)."""
import dataclasses

from . import measures as m

# What all peers are given. The first four are our server's defaults; the others take away what PostgreSQL would do differently
# from one machine or build to another. Parallel query is off unless a line says otherwise.
SETTINGS = {
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "io_method": "sync",
    "wal_level": "logical",
    "synchronous_commit": "on",
    "autovacuum": "on",
    "checkpoint_timeout": "5min",
    "max_connections": "100",
    "work_mem": "64MB",
    "maintenance_work_mem": "128MB",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
}

PROFILES = {
    "main": {**SETTINGS, "fsync": "off"},
    "durable": {**SETTINGS, "fsync": "on"},
    "tls": {**SETTINGS, "fsync": "off", "ssl": "on"},  # certificates: servers.certificate
    "plain": {"shared_buffers": "32MB", "max_wal_size": "256MB", "io_method": "sync"},  # start and memory: everything else as it comes
}
PROFILE_TEXT = {
    "main": "`file:` directory on both sides, fsync off",
    "durable": "the same directories, fsync on",
    "tls": "TLS 1.3, self-signed RSA of 2048 bits",
    "plain": "start and memory: an empty cluster",
}

# Databases made before the lines that use them.
#   small: pgbench, scale 1 (fits shared_buffers)     large: pgbench, scale 8 (does not)     work: tables for single queries
WORK_SETUP = """
CREATE TABLE big AS SELECT i AS id, (i * 7919::bigint % 1000003)::int AS k, i % 1000 AS g, md5(i::text) AS t FROM generate_series(1, {rows}) i;
CREATE TABLE other AS SELECT i AS id, (i * 104729::bigint % 1000003)::int AS k, i % 77 AS h FROM generate_series(1, {rows} / 4) i;
CREATE TABLE documents AS SELECT i AS id,
  jsonb_build_object('id', i % 1000, 'name', md5(i::text), 'tags', jsonb_build_array('a' || i % 7, 'b' || i % 11),
    'address', jsonb_build_object('city', 'c' || i % 97, 'zip', i % 9973)) AS doc,
  to_tsvector('simple', 'common w' || i % 1000 || ' w' || i % 313 || ' ' || md5(i::text)) AS words
  FROM generate_series(1, {rows} / 20) i;
CREATE INDEX ON documents USING gin (doc jsonb_path_ops);
CREATE INDEX ON documents USING gin (words);
CREATE FUNCTION spin(n int) RETURNS bigint LANGUAGE plpgsql AS
  $$ DECLARE s bigint := 0; BEGIN FOR i IN 1..n LOOP s := s + i * 3 % 7; END LOOP; RETURN s; END $$;
CREATE FUNCTION exceptions(n int) RETURNS int LANGUAGE plpgsql AS
  $$ DECLARE c int := 0; BEGIN FOR i IN 1..n LOOP BEGIN PERFORM 1 / (i % 2); EXCEPTION WHEN division_by_zero THEN c := c + 1; END; END LOOP; RETURN c; END $$;
CREATE TABLE wide AS SELECT i % 1000 AS g, i * 1000000007::bigint AS n, timestamptz '2026-01-01 00:00:00Z' + i * interval '7 seconds' AS at FROM generate_series(1, {rows}) i;
CREATE TABLE inserted (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, k int, t text);
VACUUM ANALYZE;
"""

# Queries that compute until cancelled, each in another part of the executor.
HOGS = (
    "SELECT count(*) FROM generate_series(1, 100000) a, generate_series(1, 1000000) b WHERE a + b = 0",
    "SELECT spin(2000000000)",
    "SELECT sum(length(x.t)) FROM (SELECT a.t FROM big a, generate_series(1, 1000) n ORDER BY md5(a.t || n)) x",
    "SELECT count(DISTINCT doc #>> '{{address,city}}') FROM documents, generate_series(1, 100000)",
)


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of the benchmark.

    unit: of the value; `more_is_better` says which way. The table's ratio is always the speed relative to native, so more is better.
    ratio_goal: the least ratio; limit: the most of our own value, in its unit. `must` marks what the first release has to show.
    smoke: also part of the short run that only checks that the benchmark works.
    """
    name: str
    group: str
    title: str
    measure: object
    unit: str = "ms"
    more_is_better: bool = False
    profile: str = "main"
    ratio_goal: float | None = None
    limit: float | None = None
    must: bool = False
    smoke: bool = False
    rounds: int | None = None


def rate(name, group, title, script, **options):
    line = {k: options.pop(k) for k in ("ratio_goal", "must", "smoke", "profile") if k in options}
    return Line(name, group, title, m.Pgbench(script, **options), unit="tps", more_is_better=True, **line)


def sql(name, group, title, statement, **options):
    line = {k: options.pop(k) for k in ("ratio_goal", "must", "smoke", "profile") if k in options}
    return Line(name, group, title, m.Sql(statement, **options), **{"ratio_goal": 0.7, **line})


LINES = [
    rate("select1", "statements", "`select 1`, 1 client", "select-1", ratio_goal=0.9, must=True, smoke=True),
    rate("point", "statements", "`pgbench -S`, 1 client", "point-select", ratio_goal=0.9, must=True, smoke=True),
    rate("point-extended", "statements", "`pgbench -S -M extended`, 1 client", "point-select", protocol="extended", ratio_goal=0.9, must=True),
    rate("point-prepared", "statements", "`pgbench -S -M prepared`, 1 client", "point-select", protocol="prepared", ratio_goal=0.9, must=True),
    rate("point-c2", "statements", "`pgbench -S`, 2 clients", "point-select", clients=2, jobs=2),
    rate("point-c4", "statements", "`pgbench -S`, 4 clients", "point-select", clients=4, jobs=2),
    rate("point-c8", "statements", "`pgbench -S`, 8 clients", "point-select", clients=8, jobs=2, ratio_goal=0.45, must=True, smoke=True),
    rate("point-prepared-c2", "statements", "`pgbench -S -M prepared`, 2 clients", "point-select", clients=2, jobs=2, protocol="prepared"),
    rate("point-prepared-c4", "statements", "`pgbench -S -M prepared`, 4 clients", "point-select", clients=4, jobs=2, protocol="prepared"),
    rate("point-prepared-c8", "statements", "`pgbench -S -M prepared`, 8 clients", "point-select", clients=8, jobs=2, protocol="prepared"),
    rate("point-large", "statements", "`pgbench -S`, 1 client, table 4 x shared_buffers", "point-select", database="large"),
    rate("connect", "statements", "connect + `select 1` (`pgbench -C`)", "select-1", reconnect=True, ratio_goal=0.9, must=True, smoke=True),
    rate("connect-point", "statements", "connect + point select (`pgbench -S -C`)", "point-select", reconnect=True, ratio_goal=0.9, must=True),
    rate("insert", "writes", "insert one row", "insert-row", database="work", ratio_goal=1.0, before="TRUNCATE inserted"),
    rate("insert-extended", "writes", "insert one row, `-M extended`", "insert-row", protocol="extended", database="work", ratio_goal=1.0, before="TRUNCATE inserted"),
    rate("insert-100", "writes", "insert 100 rows in one statement", "insert-100-rows", database="work", before="TRUNCATE inserted"),
    rate("update-small", "writes", "update one row", "update-row", ratio_goal=1.0),
    rate("update-extended", "writes", "update one row, `-M extended`", "update-row", protocol="extended", ratio_goal=1.0),
    rate("update-prepared", "writes", "update one row, prepared", "update-row", protocol="prepared", ratio_goal=1.0),
    rate("update", "writes", "update one row, table 4 x shared_buffers", "update-row", database="large"),
    rate("tpcb", "writes", "TPC-B, 1 client", "tpcb", database="large", ratio_goal=1.0, smoke=True),
    rate("tpcb-c2", "writes", "TPC-B, 2 clients", "tpcb", database="large", clients=2, jobs=2),
    rate("tpcb-c4", "writes", "TPC-B, 4 clients", "tpcb", database="large", clients=4, jobs=2),
    rate("tpcb-c8", "writes", "TPC-B, 8 clients", "tpcb", database="large", clients=8, jobs=2, ratio_goal=0.6),
    rate("tpcb-prepared-c2", "writes", "TPC-B, prepared, 2 clients", "tpcb", database="large", clients=2, jobs=2, protocol="prepared"),
    rate("tpcb-prepared-c4", "writes", "TPC-B, prepared, 4 clients", "tpcb", database="large", clients=4, jobs=2, protocol="prepared"),
    rate("tpcb-prepared-c8", "writes", "TPC-B, prepared, 8 clients", "tpcb", database="large", clients=8, jobs=2, protocol="prepared"),
    rate("tpcb-fsync", "writes", "TPC-B, 1 client, fsync", "tpcb", database="large", profile="durable"),
    rate("tpcb-fsync-c4", "writes", "TPC-B, 4 clients, fsync", "tpcb", database="large", clients=4, jobs=2, profile="durable"),
    rate("tpcb-fsync-c8", "writes", "TPC-B, 8 clients, fsync", "tpcb", database="large", clients=8, jobs=2, profile="durable"),
    Line("copy-in", "bulk", "COPY in, {rows} rows", m.CopyIn(), ratio_goal=0.7, smoke=True),
    Line("copy-out", "bulk", "COPY out, {rows} rows", m.CopyOut("big"), ratio_goal=0.7, smoke=True),
    sql("sort", "bulk", "sort {rows} rows by text", "SELECT max(t) FROM (SELECT t FROM big ORDER BY t COLLATE \"C\" OFFSET 1) x", smoke=True),
    sql("sort-int", "bulk", "sort {rows} rows by integer", "SELECT max(k) FROM (SELECT k FROM big ORDER BY k OFFSET 1) x"),
    sql("join", "bulk", "hash join {rows} x 1/4", "SELECT count(*), sum(h) FROM big JOIN other USING (k)"),
    sql("aggregate", "bulk", "group {rows} rows", "SELECT count(*) FROM (SELECT g, count(*), sum(k), avg(id), min(t) FROM big GROUP BY g) x", smoke=True),
    sql("aggregate-parallel", "bulk", "group {rows} rows, 2 parallel workers", "SELECT count(*) FROM (SELECT g, count(*), sum(k), avg(id), min(t) FROM big GROUP BY g) x",
        before="SET max_parallel_workers_per_gather = 2", ratio_goal=None),
    sql("aggregate-wide", "bulk", "group {rows} rows: bigint and timestamps",
        "SELECT count(*) FROM (SELECT g, sum(n), min(n), max(n), min(at), max(at) FROM wide GROUP BY g) x"),
    rate("aggregate-c2", "bulk", "group {rows} rows, 2 clients", "aggregate", clients=2, jobs=2, database="work"),
    rate("sort-int-c2", "bulk", "sort {rows} rows by integer, 2 clients", "sort-int", clients=2, jobs=2, database="work"),
    rate("scan-c2", "bulk", "count with a filter, {rows} rows, 2 clients", "scan", clients=2, jobs=2, database="work"),
    sql("scan", "bulk", "count with a filter, {rows} rows", "SELECT count(*) FROM big WHERE t LIKE '%abc%'"),
    sql("window", "bulk", "window function, {rows} rows", "SELECT max(r) FROM (SELECT row_number() OVER (PARTITION BY g ORDER BY k) r FROM big) x"),
    sql("index", "bulk", "create index on {rows} integers", "CREATE INDEX big_k ON big (k)", before="DROP INDEX IF EXISTS big_k", after="DROP INDEX big_k"),
    sql("index-text", "bulk", "create index on {rows} texts", "CREATE INDEX big_t ON big (t COLLATE \"C\")", before="DROP INDEX IF EXISTS big_t", after="DROP INDEX big_t"),
    sql("insert-select", "bulk", "INSERT SELECT of 1/4 of {rows} rows with a primary key", "INSERT INTO selected SELECT id, t FROM big WHERE id <= {rows} / 4",
        before="DROP TABLE IF EXISTS selected; CREATE TABLE selected (id int PRIMARY KEY, t text)", after="DROP TABLE selected"),
    sql("vacuum", "bulk", "vacuum after deleting every 10th of {rows} rows", "VACUUM vacuumed",
        before="DROP TABLE IF EXISTS vacuumed; CREATE TABLE vacuumed WITH (autovacuum_enabled = off) AS SELECT * FROM big; "
               "CREATE INDEX ON vacuumed (id); DELETE FROM vacuumed WHERE id % 10 = 0", after="DROP TABLE vacuumed"),
    rate("jsonb", "types", "JSONB containment (GIN) and paths, 1 client", "jsonb", database="work", ratio_goal=0.7, smoke=True),
    sql("jsonb-scan", "types", "JSONB paths over a whole table", "SELECT count(DISTINCT doc #>> '{{address,city}}'), sum((doc->'address'->>'zip')::int) FROM documents"),
    rate("full-text", "types", "full text search (GIN) and rank, 1 client", "full-text", database="work"),
    sql("tsvector", "types", "to_tsvector over a whole table", "SELECT sum(length(to_tsvector('english', doc->>'name' || ' running dogs are jumping over lazy foxes'))) FROM documents", ratio_goal=None),
    sql("plpgsql", "types", "plpgsql loop, {rows} turns", "SELECT spin({rows})", ratio_goal=None),
    rate("exceptions", "types", "plpgsql: 100 blocks, 50 exceptions", "plpgsql-exception", database="work"),
    sql("numeric", "types", "numeric arithmetic, {rows} rows", "SELECT sum(k::numeric * 1.0001 / 3) FROM big", ratio_goal=None),
    rate("connect-tls", "tls", "connect over TLS, `select 1`, disconnect", "select-1", reconnect=True, tls=True, profile="tls", smoke=True),
    Line("copy-in-tls", "tls", "COPY in over TLS, {rows} rows", m.CopyIn(tls=True), profile="tls", smoke=True),
    Line("copy-out-tls", "tls", "COPY out over TLS, {rows} rows", m.CopyOut("big", tls=True), profile="tls", smoke=True),
    Line("latency", "latency", "point selects, p95, nothing else runs", m.Latency(), must=True, smoke=True),
    Line("latency-hog1", "latency", "point selects, p95, beside 1 hungry query", m.Latency(HOGS[:1]), limit=20, must=True, smoke=True),
    Line("latency-hog4", "latency", "point selects, p95, beside 4 hungry queries", m.Latency(HOGS), limit=20, must=True),
    Line("start", "start", "start on an existing directory", m.Start(), profile="plain", limit=300, must=True, smoke=True),
    Line("start-memory", "start", "fresh database in memory (native: in /dev/shm)", m.Start(fresh=True, memory=True), profile="plain", limit=150, must=True, smoke=True),
    Line("start-fresh", "start", "fresh database in a directory", m.Start(fresh=True), profile="plain", limit=250, must=True),
    Line("memory", "memory", "after the first query, PSS", m.Memory(), unit="MB", profile="plain", must=True, smoke=True, rounds=3),
    Line("memory-rss", "memory", "after the first query, RSS", m.Memory(resident=True), unit="MB", profile="plain", limit=100, must=True, rounds=3),
    Line("memory-connection", "memory", "one idle connection, PSS", m.IdleConnection(), unit="MB", profile="plain", limit=1.5, must=True, rounds=3),
    Line("memory-churn", "memory", "after {connections} connections, of before", m.Churn(), unit="x", profile="plain", limit=1.2, must=True, rounds=3),
    Line("memory-churn-again", "memory", "after a second {connections} connections, of after the first", m.Churn(again=True), unit="x", profile="plain", limit=1.2, must=True, rounds=3),
    Line("idle", "memory", "processor, idle, nobody connected", m.IdleCpu(), unit="% core", profile="plain", limit=0.5, must=True, smoke=True, rounds=1),
    Line("idle-50", "memory", "processor, idle, 50 connections", m.IdleCpu(sessions=50), unit="% core", profile="plain", limit=0.5, must=True, rounds=1),
]
