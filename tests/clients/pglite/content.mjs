// A database of PGlite with content of all kinds: makes it, or loads it, and prints what is in it, a line each (the function described() of content.sql).
//
//   node content.mjs INSTALLED make DIRECTORY [--seed N] [--archive FILE] [--kill]
//   node content.mjs INSTALLED load ARCHIVE|DIRECTORY [--seed N]
//
// --seed adds random content; --archive writes dumpDataDir's; --kill ends the process as it is, without a shutdown.
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [installed, verb, place, ...rest] = process.argv.slice(2);
const option = name => rest.includes(name) ? rest[rest.indexOf(name) + 1] : undefined;
const require = createRequire(`${installed}/`);
const load = async name => import(pathToFileURL(require.resolve(`@electric-sql/pglite${name}`)));
process.on('uncaughtException', e => { console.error(`content: ${e.message}`); process.exit(1); });
const { PGlite } = await load('');
const extensions = {};
for (const name of ['hstore', 'citext', 'pg_trgm', 'btree_gin', 'btree_gist', 'bloom', 'ltree', 'cube', 'isn', 'intarray', 'amcheck']) extensions[name] = (await load(`/contrib/${name}`))[name];

let state = Number(option('--seed') ?? 0);
const random = n => (state = (state * 1103515245 + 12345) % 2147483648, Math.floor(state / 2147483648 * n));
const pick = list => list[random(list.length)];

// Types that differ between the two sizes of a word, and some that do not, in all places where an expression is stored.
function* randomContent() {
    const values = {
        bigint: () => `${(random(2) ? -1 : 1) * random(1e9)}${random(1e6)}::bigint`, 'double precision': () => `'${(random(2e6) - 1e6) / 7}'::float8`, timestamptz: () => `'${1900 + random(300)}-01-0${1 + random(9)}'::timestamptz`, money: () => `'${random(1e6) - 5e5}.5'::money`,
        time: () => `'0${random(9)}:30'::time`, int: () => `${random(2e9) - 1e9}::int`, smallint: () => `(${random(6e4) - 3e4})::smallint`, boolean: () => pick(['true', 'false']), date: () => `'${1900 + random(200)}-02-0${1 + random(9)}'::date`, oid: () => `${random(4e9)}::oid`,
        real: () => `'${(random(2e6) - 1e6) / 3}'::real`, '"char"': () => `'${pick(['a', 'z', '~'])}'::"char"`, text: () => `'${"it''s {CONST \\ ".repeat(random(20))}'::text`, numeric: () => `${random(1e9)}.${random(1e6)}`, 'bigint[]': () => `'{${random(9)},-${random(1e9)}}'::bigint[]`, uuid: () => `'${'0123456789abcdef'.repeat(2)}'::uuid`,
        interval: () => `'${random(99)} days'::interval`, int8range: () => `'[${random(1e9)},)'::int8range`, pg_lsn: () => `'${random(9)}/${random(9)}'::pg_lsn`, name: () => `'n${random(99)}'::name`,
    };
    const types = Object.keys(values), comparable = types.filter(t => t !== 'name');
    for (let n = 0; n < 3 + random(12); n++) {
        const columns = Array.from({ length: 1 + random(8) }, (_, i) => [`c${i}`, pick(types)]);
        yield `CREATE TABLE random${n} (id serial PRIMARY KEY, ${columns.map(([c, t]) => `${c} ${t}${random(2) ? ` DEFAULT ${values[t]()}` : ''}`).join(', ')})`;
        yield `INSERT INTO random${n} (${columns.map(([c]) => c).join(', ')}) SELECT ${columns.map(([, t]) => `CASE i % 5 WHEN 0 THEN ${values[t]()} WHEN 1 THEN ${values[t]()} ELSE ${values[t]()} END`).join(', ')} FROM generate_series(1, ${1 + random(2000)}) i`;
        const conditions = () => columns.filter(() => random(2)).map(([c, t]) => `${c} ${pick(['=', '<>'])} ${values[t]()}`).concat(`id <> ${random(1e6)}`).join(pick([' AND ', ' OR ']));
        yield `CREATE INDEX ON random${n} (${pick(columns)[0]}, id) WHERE ${conditions()}`;
        for (let v = 0; v < random(4); v++) yield `CREATE VIEW random${n}_${v} AS SELECT *, ${Array.from({ length: 1 + random(60) }, (_, i) => `${values[pick(types)]()} AS x${i}`).join(', ')} FROM random${n} WHERE ${conditions()}`;
        const key = pick(comparable.filter(t => t !== 'bigint[]' && t !== 'int8range'));
        const keys = [...new Set(Array.from({ length: 1 + random(key === 'boolean' ? 1 : 40) }, values[key]))];
        yield `CREATE TABLE listed${n} (k ${key}) PARTITION BY LIST (k)`;
        if (key !== 'boolean' && key !== '"char"' && key !== 'time') yield `DO $do$ BEGIN CREATE TABLE listed${n}_1 PARTITION OF listed${n} FOR VALUES IN (${keys.join(', ')}); EXCEPTION WHEN invalid_object_definition THEN NULL; END $do$`;
        if (random(2)) yield `CREATE STATISTICS random${n}_s (mcv) ON id, ${pick(columns)[0]}::text FROM random${n}`.replace(/(c\d)::text/, '($1::text)');
        if (random(3) === 0) yield `DELETE FROM random${n} WHERE id % 7 = 0`;
    }
    yield 'ANALYZE';
}

const described = async db => { for (const { described } of (await db.query('SELECT described()')).rows) console.log(described); };
if (verb === 'make') {
    const db = await PGlite.create(place, { extensions });
    const sql = readFileSync(new URL('content.sql', import.meta.url), 'utf8');
    await db.exec(sql).catch(e => { throw new Error(`${e.message} at ${sql.slice(e.position - 1, e.position + 80)}`); });
    if (option('--seed')) for (const statement of randomContent()) await db.exec(statement).catch(e => { throw new Error(`${e.message}: ${statement}`); });
    await described(db);
    if (option('--archive')) writeFileSync(option('--archive'), Buffer.from(await (await db.dumpDataDir('gzip')).arrayBuffer()));
    if (rest.includes('--kill')) process.kill(process.pid, 'SIGKILL');
    await db.close();
} else {
    const db = statSync(place).isDirectory() ? await PGlite.create(place, { extensions }) : await PGlite.create({ loadDataDir: new Blob([readFileSync(place)]), extensions });
    await described(db);
    await db.exec('CREATE EXTENSION IF NOT EXISTS amcheck');
    await db.exec(`SELECT bt_index_check(c.oid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam WHERE amname = 'btree' AND c.relpersistence <> 't' AND i.indisvalid AND c.relkind = 'i'`);
    await db.exec('INSERT INTO everything (i2) VALUES (1); CREATE TABLE afterwards (b bigint DEFAULT 5000000000); INSERT INTO afterwards DEFAULT VALUES');
    await db.close();
}
