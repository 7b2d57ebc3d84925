#!/usr/bin/env python3
"""Prints a script for psql that fills a new cluster of native PostgreSQL 18 with random content: random-cluster.py SEED [--space DIR]... [--extension NAME]... [--locale NAME]...

What one seed gives is always the same. Databases of several encodings and locales; tables of all kinds of types with defaults, checks and generated columns; indexes of all methods, also on expressions,
partial and covering; partitions; views, functions, triggers, policies, statistics, large objects. Each database has a procedure touch(text) that changes rows of all its tables."""
import argparse
import random
import re

# Type: a value of row i, and operator classes by access method ('' is the default one).
BTREE, HASH, BRIN = {"btree": [""]}, {"hash": [""]}, {"brin": [""]}
SCALAR = {"btree": [""], "hash": [""], "brin": [""]}
RANGE = {"btree": [""], "hash": [""], "gist": [""], "spgist": [""], "brin": ["", "range_inclusion_ops"]}


def brin(kind):
    return {**SCALAR, "brin": [f"{kind}_minmax_ops", f"{kind}_minmax_multi_ops", f"{kind}_bloom_ops"]}


TYPES = {
    "smallint": ("(i % 30000)::smallint", brin("int2")), "integer": ("i * 7", brin("int4")), "bigint": ("i::bigint * 4294967297", brin("int8")), "numeric": ("i / 7.0", brin("numeric")), "numeric(20,4)": ("-i * 1.5", brin("numeric")),
    "real": ("i / 3.0", brin("float4")), "double precision": ("sqrt(i)", brin("float8")), "money": ("i::numeric::money", BTREE), "boolean": ("i % 3 = 0", {"btree": [""], "hash": [""]}), "oid": ("(i * 3)::oid", brin("oid")),
    "text": ("'text ' || md5(i::text)", {"btree": ["", "text_pattern_ops"], "hash": [""], "spgist": [""], "brin": ["text_minmax_ops", "text_bloom_ops"]}), "varchar(90)": ("repeat(chr(97 + i % 26), i % 90)", {"btree": ["", "varchar_pattern_ops"], "hash": [""], "spgist": [""]}),
    "char(12)": ("'c' || i % 1000", {"btree": ["", "bpchar_pattern_ops"], "hash": [""], "brin": ["bpchar_minmax_ops", "bpchar_bloom_ops"]}), "name": ("('n' || i)::name", {"btree": [""], "hash": [""], "brin": ["name_minmax_ops"]}), '"char"': ("chr(65 + i % 26)::\"char\"", SCALAR),
    "bytea": ("decode(md5(i::text), 'hex')", {"btree": [""], "hash": [""], "brin": ["bytea_minmax_ops", "bytea_bloom_ops"]}), "date": ("date '2000-01-01' + i", brin("date")), "time": ("time '00:00' + i * interval '1 s'", brin("time")), "timetz": ("(time '00:00' + i * interval '1 s')::timetz", brin("timetz")),
    "timestamp": ("timestamp '2020-01-01' + i * interval '1 h'", brin("timestamp")), "timestamptz": ("timestamptz '2020-01-01 00:00+00' + i * interval '1 min'", brin("timestamptz")), "interval": ("i * interval '17 min'", brin("interval")),
    "uuid": ("md5(i::text)::uuid", brin("uuid")), "inet": ("'10.0.0.0'::inet + i", {"btree": [""], "hash": [""], "gist": ["inet_ops"], "spgist": [""], "brin": ["inet_inclusion_ops", "inet_minmax_ops", "inet_bloom_ops"]}), "cidr": ("('10.' || i % 250 || '.0.0/16')::cidr", {"btree": [""], "hash": [""], "gist": ["inet_ops"]}),
    "macaddr": ("('08:00:2b:01:02:' || lpad(to_hex(i % 256), 2, '0'))::macaddr", brin("macaddr")), "macaddr8": ("('08:00:2b:01:02:03:04:' || lpad(to_hex(i % 256), 2, '0'))::macaddr8", brin("macaddr8")), "bit(16)": ("i::bit(16)", {"btree": [""], "brin": [""]}), "varbit": ("i::bit(20)::varbit", {"btree": [""], "brin": [""]}),
    "point": ("point(i, -i % 97)", {"gist": [""], "spgist": ["quad_point_ops", "kd_point_ops"]}), "box": ("box(point(i, i), point(i + 5, i - 3))", {"gist": [""], "spgist": [""], "brin": [""]}), "circle": ("circle(point(i, 1), 2)", {"gist": [""]}),
    "polygon": ("polygon(box(point(i, 0), point(i + 2, 3)))", {"gist": [""], "spgist": [""]}), "line": ("line(point(0, i), point(1, i + 2))", {}), "lseg": ("lseg(point(0, i), point(1, i))", {}), "path": ("path(polygon(box(point(i, 0), point(i + 2, 3))))", {}),
    "json": ("json_build_object('n', i)", {}), "jsonb": ("jsonb_build_object('n', i, 'tags', jsonb_build_array(i % 5, 'x'), 'long', repeat(md5(i::text), i % 90))", {"btree": [], "hash": [""], "gin": ["", "jsonb_path_ops"]}), "jsonpath": ("'$.a[*]'::jsonpath", {}),
    "xml": ("xmlelement(name n, i)", {}), "tsvector": ("to_tsvector('simple', 'word' || i % 400 || ' common')", {"gin": [""], "gist": [""]}), "tsquery": ("to_tsquery('simple', 'word' || i % 400)", {"btree": [""], "gist": [""]}),
    "int4range": ("int4range(i, i + 10)", RANGE), "int8range": ("int8range(i, NULL)", RANGE), "numrange": ("numrange(i, i + 0.5, '[]')", RANGE), "tstzrange": ("tstzrange('2020-01-01 00:00+00', timestamptz '2020-01-02 00:00+00' + i * interval '1 h')", RANGE), "daterange": ("daterange('2020-01-01', date '2020-01-02' + i)", RANGE),
    "int4multirange": ("int4multirange(int4range(i, i + 3), int4range(i + 9, i + 11))", {"btree": [""], "hash": [""], "gist": [""]}), "pg_lsn": ("'0/0'::pg_lsn + i", brin("pg_lsn")), "xid8": ("i::text::xid8", {"btree": [""], "hash": [""]}), "regtype": ("'int4'::regtype", {"btree": [""], "hash": [""]}),
    "integer[]": ("ARRAY[i % 50, i % 7, 1]", {"btree": [""], "hash": [""], "gin": [""]}), "text[]": ("ARRAY['a' || i % 90, NULL]", {"btree": [""], "gin": [""]}), "float8[][]": ("ARRAY[[i, 1], [2, i]]::float8[][]", {"btree": [""]}),
    "mood": ("(ARRAY['sad', 'ok', 'glad'])[1 + i % 3]::mood", {"btree": [""], "hash": [""]}), "positive": ("(i + 1)::positive", SCALAR), "pair": ("ROW(i, 'p' || i)::pair", {"btree": [""]}), "floats": ("floats(i, i + 0.25)", {"btree": [""], "hash": [""], "gist": [""], "spgist": [""]}),
}
GISTABLE = ["smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "oid", "text", "bytea", "date", "time", "timestamp", "timestamptz", "interval", "uuid", "macaddr", "bit(16)", "inet", "mood", "boolean"]
GINABLE = ["smallint", "integer", "bigint", "numeric", "real", "double precision", "money", "oid", "text", "bytea", "date", "time", "timestamp", "timestamptz", "interval", "macaddr", "uuid", "name", "mood", "boolean"]
OF_EXTENSIONS = {
    "hstore": {"hstore": ("hstore('k' || i % 9, i::text)", {"btree": [""], "hash": [""], "gin": [""], "gist": [""]})}, "citext": {"citext": ("('C' || i)::citext", {"btree": [""], "hash": [""]})}, "ltree": {"ltree": ("('a.b' || i)::ltree", {"btree": [""], "hash": [""], "gist": [""]})},
    "cube": {"cube": ("cube(ARRAY[i, 2], ARRAY[i + 1, 3])", {"btree": [""], "gist": [""]})}, "seg": {"seg": ("(i || ' .. ' || i + 2)::seg", {"btree": [""], "gist": [""]})}, "isn": {"ean13": ("('220000' || lpad((i % 1000000)::text, 6, '0') || '?')::ean13", {"btree": [""], "hash": [""]})}, "vector": {"vector(3)": ("ARRAY[i, i % 7, 1]::vector(3)", {"btree": [""], "hnsw": ["vector_l2_ops", "vector_cosine_ops"], "ivfflat": ["vector_l2_ops"]})},
    "pg_trgm": {"text": (None, {"gin": ["gin_trgm_ops"], "gist": ["gist_trgm_ops"]})}, "intarray": {"integer[]": (None, {"gist": ["gist__int_ops", "gist__intbig_ops"], "gin": ["gin__int_ops"]})}, "bloom": {"integer": (None, {"bloom": [""]}), "text": (None, {"bloom": [""]})},
    "btree_gist": {t: (None, {"gist": [""]}) for t in GISTABLE if t != "inet"}, "btree_gin": {t: (None, {"gin": [""]}) for t in GINABLE},
}
DATABASES = ["ENCODING UTF8 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'", "ENCODING UTF8 LOCALE_PROVIDER builtin BUILTIN_LOCALE 'PG_UNICODE_FAST' LOCALE 'C'", "ENCODING UTF8 LOCALE_PROVIDER libc LOCALE 'C'", "ENCODING LATIN1 LOCALE_PROVIDER libc LOCALE 'C'", "ENCODING EUC_JP LOCALE_PROVIDER libc LOCALE 'C'",
             "ENCODING SQL_ASCII LOCALE_PROVIDER libc LOCALE 'C'", "ENCODING UTF8 LOCALE_PROVIDER icu ICU_LOCALE 'de' LOCALE 'C'", "ENCODING UTF8 LOCALE_PROVIDER icu ICU_LOCALE 'und-u-kn' LOCALE 'C'"]
# Its control file wants others.
NEEDS = {"earthdistance": ["cube"]}
# They need a preloaded library, another server, or are no content.
LEFT_OUT = {"pg_stat_statements", "pgaudit", "set_user", "plpgsql", "pg_partman", "pg_repack", "pgtap"}


WORDS = {"UTF8": "tëxt 表 😀", "LATIN1": "tëxt", "EUC_JP": "text 表"}
# Every value but a few far from those of the rows.
CHECKABLE = {"integer", "bigint", "numeric", "double precision", "date", "timestamptz", "uuid", "text"}


def put(value, i):
    return re.sub(r"\bi\b", str(i), value)


class Database:
    def __init__(self, rng, kind, spaces, extensions):
        self.rng, self.spaces, self.touches, self.out = rng, spaces, [], []
        chosen = rng.sample(extensions, min(len(extensions), rng.randint(2, 9)))
        self.extensions = list(dict.fromkeys(e for c in chosen for e in [*NEEDS.get(c, []), c]))
        encoding = kind.split()[1]
        self.types = {t: (v.replace("'text ", f"'{WORDS.get(encoding, 'text')} "), {m: list(o) for m, o in a.items()}) for t, (v, a) in TYPES.items()}
        for extension in self.extensions:
            for name, (value, methods) in OF_EXTENSIONS.get(extension, {}).items():
                known = self.types.setdefault(name, (value, {}))
                for method, classes in methods.items():
                    known[1].setdefault(method, []).extend(classes)
        self.collations = ["C", "POSIX"] + (["ucs_basic", "pg_c_utf8", "de-x-icu", "sv-x-icu"] if encoding == "UTF8" else [])

    def chance(self, of):
        return self.rng.random() < of

    def space(self):
        return f" TABLESPACE {self.rng.choice(self.spaces)}" if self.spaces and self.chance(0.2) else ""

    def fill(self):
        rng, say = self.rng, self.out.append
        for extension in self.extensions:
            say(f'CREATE EXTENSION "{extension}";')
        say("CREATE TYPE mood AS ENUM ('sad', 'ok', 'glad'); CREATE DOMAIN positive AS integer DEFAULT 1 CHECK (VALUE > 0); CREATE TYPE pair AS (a integer, b text); CREATE TYPE floats AS RANGE (subtype = float8);")
        tables = [self.table(n) for n in range(rng.randint(2, 6))]
        for n in range(rng.randint(1, 3)):
            self.partitioned(n)
        for n, (table, columns) in enumerate(tables):
            self.around(n, table, columns, rng.choice(tables)[0])
        for n in range(rng.randint(0, 5)):
            say(f"SELECT lo_from_bytea({5000 + n}, repeat('content {n} ', {rng.randint(1, 9000)})::bytea);")
        if self.chance(0.5):
            say("VACUUM FULL pg_class; VACUUM FULL pg_proc; REINDEX TABLE pg_attribute;")
        # A crash skips numbers of sequences that were only fetched; those that were set it does not.
        say("CREATE PROCEDURE touch(mark text) LANGUAGE plpgsql AS $touch$ BEGIN\n" + "\n".join(self.touches) +
            "\nPERFORM setval(format('%I.%I', schemaname, sequencename)::regclass, last_value) FROM pg_sequences WHERE last_value IS NOT NULL;\nEND $touch$;\nCALL touch('first');")
        say("ANALYZE;" if self.chance(0.7) else "VACUUM ANALYZE;")
        return self.out

    def table(self, n):
        rng, say = self.rng, self.out.append
        table = f"t{n}" if self.chance(0.8) else f'"T {n}"'
        columns = {f"c{k}" if self.chance(0.9) else f'"C {k}"': t for k, t in enumerate(rng.sample(sorted(self.types), rng.randint(4, 14)))}
        lines = ["id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY" if self.chance(0.5) else "id bigserial PRIMARY KEY"]
        for column, t in columns.items():
            words = [column, t]
            if t in ("text", "varchar(90)", "char(12)") and self.chance(0.4):
                words.append(f'COLLATE "{rng.choice(self.collations)}"')
            if self.chance(0.4):
                words.append(f"DEFAULT ({put(self.types[t][0], rng.randint(1, 99))})::{t}")
            if self.chance(0.2):
                words.append("NOT NULL")
            if t in CHECKABLE and self.chance(0.4):
                words.append(f"CHECK ({column} IS DISTINCT FROM ({put(self.types[t][0], rng.randint(900001, 999999))})::{t})")
            lines.append(" ".join(words))
        if self.chance(0.5):
            lines.append("twice float8 GENERATED ALWAYS AS (id * 2.5) STORED")
        if self.chance(0.5):
            lines.append("thrice bigint GENERATED ALWAYS AS (id * 3) VIRTUAL")
        options = f" WITH (fillfactor = {rng.randint(30, 100)})" if self.chance(0.3) else ""
        say(f"CREATE TABLE {table} ({', '.join(lines)}){options}{self.space()};")
        for column, t in columns.items():
            if t in ("text", "jsonb", "bytea", "integer[]") and self.chance(0.4):
                say(f"ALTER TABLE {table} ALTER {column} SET STORAGE {rng.choice(['EXTERNAL', 'MAIN'])};")
        names, values = ", ".join(columns), ", ".join(f"({self.types[t][0]})::{t}" for t in columns.values())
        say(f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(1, {rng.choice([0, 3, 200, 1000, 3000])}) i;")
        if self.chance(0.3):
            say(f"ALTER TABLE {table} ADD COLUMN dropped text DEFAULT 'x'; ALTER TABLE {table} DROP COLUMN dropped; ALTER TABLE {table} ADD COLUMN late numeric DEFAULT 7.5;")
        for column, t in columns.items():
            self.indexes(table, column, t, list(columns))
        self.touches.append(f"INSERT INTO {table} ({names}) SELECT {values} FROM generate_series(100001, 100040) i; UPDATE {table} SET id = id WHERE id % 3 = 0; DELETE FROM {table} WHERE id % 11 = 0;")
        return table, columns

    def indexes(self, table, column, t, columns):
        rng, say = self.rng, self.out.append
        for method, classes in self.types[t][1].items():
            for operators in classes:
                if self.chance(0.5):
                    continue
                order = rng.choice(["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]) if method == "btree" else ""
                more = " INCLUDE (id)" if method == "btree" and self.chance(0.2) else ""
                options = {"brin": f" WITH (pages_per_range = {rng.choice([1, 4, 128])})", "gin": f" WITH (fastupdate = {rng.choice(['on', 'off'])})", "btree": f" WITH (deduplicate_items = {rng.choice(['on', 'off'])})"}.get(method, "") if self.chance(0.3) else ""
                where = f" WHERE id % {rng.randint(2, 5)} > 0" if self.chance(0.25) else ""
                say(f"CREATE INDEX ON {table} USING {method} ({column} {operators}{order}){more}{options}{self.space()}{where};")
        if t == "text" and self.chance(0.5):
            say(f"CREATE INDEX ON {table} (lower({column}), ({column} || 'x')) WHERE length({column}) > 3;")
        if t in ("integer", "double precision", "numeric") and self.chance(0.5):
            say(f"CREATE UNIQUE INDEX ON {table} ((id + 1), abs({column})) NULLS NOT DISTINCT;")

    def partitioned(self, n):
        rng, say, table, how = self.rng, self.out.append, f"p{n}", self.rng.choice(["RANGE", "LIST", "HASH"])
        t = rng.choice(["integer", "bigint", "date", "timestamptz", "numeric", "uuid"])
        value = self.types[t][0]
        say(f"CREATE TABLE {table} (id bigint, k {t}, body text DEFAULT 'b') PARTITION BY {how} (k);")
        if how == "RANGE":
            cuts = ["MINVALUE", *([f"'{d}0000000-0000-0000-0000-000000000000'" for d in "48c"] if t == "uuid" else [put(value, c) for c in (100, 200, 500)]), "MAXVALUE"]
            bounds = [f"FOR VALUES FROM ({a}) TO ({b})" for a, b in zip(cuts, cuts[1:])]
        elif how == "LIST":
            bounds = [f"FOR VALUES IN ({', '.join(put(value, 10 * b + v) for v in range(1, 8))})" for b in range(4)] + ["FOR VALUES IN (NULL)", "DEFAULT"]
        else:
            modulus = rng.randint(2, 7)
            bounds = [f"FOR VALUES WITH (MODULUS {modulus}, REMAINDER {r})" for r in range(modulus)]
        for k, bound in enumerate(bounds):
            if k == len(bounds) - 1 and self.chance(0.5):
                say(f"CREATE TABLE {table}_{k} PARTITION OF {table} {bound} PARTITION BY HASH (id);")
                for r in range(2):
                    say(f"CREATE TABLE {table}_{k}_{r} PARTITION OF {table}_{k} FOR VALUES WITH (MODULUS 2, REMAINDER {r}){self.space()};")
            else:
                say(f"CREATE TABLE {table}_{k} PARTITION OF {table} {bound}{self.space()};")
        say(f"CREATE INDEX ON {table} (k, id); CREATE INDEX ON {table} USING {rng.choice(['hash', 'brin'])} (id);")
        say(f"INSERT INTO {table} SELECT i, {value}, 'row ' || i FROM generate_series(1, 800) i;")
        self.touches.append(f"INSERT INTO {table} SELECT i, {value}, mark FROM generate_series(301, 340) i; UPDATE {table} SET body = mark WHERE id % 5 = 0; DELETE FROM {table} WHERE id % 13 = 0;")

    def around(self, n, table, columns, other):
        rng, first = self.rng, next(iter(columns))
        things = [
            f"CREATE VIEW v{n} AS SELECT a.*, b.id AS other, CASE WHEN a.id > {rng.randint(1, 99)} THEN 'm{n}' ELSE {rng.randint(1, 9)}::text END AS word FROM {table} a LEFT JOIN {other} b ON b.id = a.id + {rng.randint(1, 9)};",
            f"CREATE MATERIALIZED VIEW m{n} AS SELECT id % 10 AS d, count(*), max({first}::text COLLATE \"C\") FROM {table} GROUP BY 1; CREATE UNIQUE INDEX ON m{n} (d);",
            f"CREATE FUNCTION f{n}(bigint, integer DEFAULT {rng.randint(1, 99)}) RETURNS bigint BEGIN ATOMIC SELECT $1 + $2 + count(*) FROM {table}; END;",
            f"CREATE FUNCTION g{n}() RETURNS trigger LANGUAGE plpgsql AS $g$ BEGIN RETURN NEW; END $g$; CREATE TRIGGER r{n} BEFORE UPDATE ON {table} FOR EACH ROW WHEN (OLD.id IS DISTINCT FROM NEW.id) EXECUTE FUNCTION g{n}();",
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON {table} TO ann USING (id < {rng.randint(1, 9999)} AND current_user = 'ann'); GRANT SELECT, UPDATE ON {table} TO ann;",
            f"CREATE VIEW w{n} AS SELECT id FROM {table}; CREATE RULE keep{n} AS ON DELETE TO w{n} DO INSTEAD NOTHING;",
            f"COMMENT ON TABLE {table} IS 'table {n}; it''s'; COMMENT ON COLUMN {table}.{first} IS 'first';",
            f"CREATE PUBLICATION pub{n} FOR TABLE ONLY {table} WHERE (id > {rng.randint(1, 9)});",
            f"CREATE SEQUENCE s{n} AS smallint INCREMENT {rng.randint(1, 9)} CYCLE; SELECT nextval('s{n}') FROM generate_series(1, 9);",
            f"CREATE AGGREGATE total{n}(float8) (SFUNC = float8pl, STYPE = float8, INITCOND = '{n}');",
            f"ALTER TABLE {table} ADD FOREIGN KEY (id) REFERENCES {table} (id) DEFERRABLE;",
            f"CREATE TABLE child{n} (more text DEFAULT 'm') INHERITS ({table});",
            f"CREATE UNLOGGED TABLE u{n} (a integer PRIMARY KEY, b text);",
            f"CREATE TEXT SEARCH CONFIGURATION words{n} (COPY = simple); CREATE FUNCTION plus{n}(integer, text) RETURNS text LANGUAGE sql IMMUTABLE RETURN $1 || $2; CREATE OPERATOR @{'+' * (n + 1)} (LEFTARG = integer, RIGHTARG = text, FUNCTION = plus{n});",
        ]
        plain = [c for c, t in columns.items() if self.types[t][1].get("btree")][:3]
        if len(plain) > 1:
            things.append(f"CREATE STATISTICS st{n} ON {', '.join(plain)} FROM {table}; ANALYZE {table};")
        self.out.extend(rng.sample(things, rng.randint(3, len(things))))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("seed", type=int)
    parser.add_argument("--space", action="append", default=[], metavar="DIR", help="an empty directory for a tablespace")
    parser.add_argument("--extension", action="append", default=[], metavar="NAME", help="one that may be used")
    parser.add_argument("--locale", action="append", default=[], metavar="NAME", help="a locale of the C library for one more database")
    given = parser.parse_args()
    rng = random.Random(given.seed)
    extensions, spaces = sorted(set(given.extension) - LEFT_OUT), [f"space{n}" for n in range(len(given.space))]
    print("SET client_encoding = 'UTF8'; CREATE ROLE ann LOGIN; CREATE ROLE readers; GRANT readers TO ann; ALTER ROLE ann SET work_mem = '8MB';")
    for name, directory in zip(spaces, given.space):
        print(f"CREATE TABLESPACE {name} LOCATION '{directory}';")
    for n, kind in enumerate(rng.sample(DATABASES, rng.randint(2, 4)) + [f"ENCODING UTF8 LOCALE_PROVIDER libc LOCALE '{name}'" for name in given.locale]):
        print(f"CREATE DATABASE d{n} TEMPLATE template0 {kind}{f' TABLESPACE {rng.choice(spaces)}' if spaces and rng.random() < 0.3 else ''};\n\\connect d{n}\nSET client_encoding = 'UTF8';")
        print("\n".join(Database(rng, kind, spaces, extensions).fill()))


main()
