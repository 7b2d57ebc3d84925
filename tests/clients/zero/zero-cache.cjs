// zero-cache against DATABASE_URL, which needs no settings: initial sync, live changes, schema change, restart and kill with changes
// meanwhile. argv: the directory of its replica. Run with the Node that tests/clients/zero/package.json installs. Prints "ok".
const assert = require('node:assert');
const { spawn } = require('node:child_process');
const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const Database = require('@rocicorp/zero-sqlite3');
const postgres = require('postgres');

const sql = postgres(process.env.DATABASE_URL, { max: 2, onnotice: () => {} });
const replica = path.join(process.argv[2], 'replica.db');
const log = path.join(process.argv[2], 'zero-cache.log');
const modules = process.env.NODE_PATH;
let zero;

function query(text) {
  const database = new Database(replica, { readonly: true });
  try {
    return database.prepare(text).all();
  } finally {
    database.close();
  }
}

async function until(condition, what) {
  const deadline = Date.now() + 90000;
  for (;;) {
    let error = '';
    try {
      if (await condition()) return;
    } catch (e) {
      error = e; // the replica's tables appear when they do
    }
    if (zero.exitCode !== null || Date.now() > deadline) {
      throw new Error(`not in time: ${what}; ${error}\n${fs.readFileSync(log, 'utf8').slice(-4000)}`);
    }
    await new Promise(resolve => setTimeout(resolve, 50));
  }
}

async function freePorts(count) {
  const servers = [];
  for (let i = 0; i < count; i++) {
    const server = net.createServer();
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  return servers.map(server => { const { port } = server.address(); server.close(); return String(port); });
}

async function start() {
  const [port, changePort] = await freePorts(2);
  const out = fs.openSync(log, 'a');
  zero = spawn(process.execPath, [path.join(modules, '@rocicorp/zero/out/zero/src/cli.js')], {
    detached: true, // a process group of its own: a kill must reach its workers too
    stdio: ['ignore', out, out],
    env: {
      ...process.env, PATH: `${path.dirname(process.execPath)}:${process.env.PATH}`, ZERO_UPSTREAM_DB: process.env.DATABASE_URL,
      ZERO_REPLICA_FILE: replica, ZERO_PORT: port, ZERO_CHANGE_STREAMER_PORT: changePort, ZERO_NUM_SYNC_WORKERS: '1',
      ZERO_ADMIN_PASSWORD: 'x', ZERO_ENABLE_TELEMETRY: 'false', DO_NOT_TRACK: '1', NO_COLOR: '1',
    },
  });
  fs.closeSync(out);
}

async function stop(signal) {
  const ended = new Promise(resolve => zero.once('exit', resolve));
  process.kill(-zero.pid, signal);
  await ended;
}

async function count(table, expected) {
  await until(() => query(`select count(*) n from ${table}`)[0].n === expected, `${expected} rows of ${table}`);
}

async function main() {
  await sql`create table item (id text primary key, title text not null, n int, price numeric, at timestamptz default now(), j jsonb, flag bool)`;
  await sql`create table tag (item text references item, name text, primary key (item, name))`;
  await sql`insert into item select 'i' || n, 'title ' || n, n, n / 3.0, now(), '{"a": 1}', true from generate_series(1, 2000) n`;

  await start();
  await count('item', 2000);
  await sql`insert into item (id, title, n) values ('live', 'now', 1)`;
  await sql`update item set title = 'changed', j = '[]' where id = 'i1'`;
  await sql`delete from item where id = 'i2'`;
  await sql`insert into tag values ('i1', 'red'), ('i1', 'blue')`;
  await count('tag', 2);
  await count('item', 2000);
  assert.strictEqual(query("select title from item where id = 'i1'")[0].title, 'changed');

  await sql`alter table item add column extra text default 'd'`;
  await sql`update item set extra = 'e' where id = 'i3'`;
  await sql`create table later (id int primary key, v text)`;
  await sql`insert into later values (1, 'a')`;
  await count('later', 1);
  await until(() => query("select extra from item where id = 'i3'")[0].extra === 'e', 'the new column');
  await sql`alter table later rename column v to w`;
  await sql`alter table item drop column flag`;
  await sql`insert into later (id, w) values (2, 'b')`;
  await until(() => query('select w from later where id = 2')[0]?.w === 'b', 'the renamed column');

  await stop('SIGTERM');
  await sql`insert into later select n, 'while stopped' from generate_series(3, 500) n`;
  await start();
  await count('later', 500);

  await stop('SIGKILL');
  await sql.begin(async tx => {
    await tx`delete from tag`;
    await tx`insert into later select n, 'while dead' from generate_series(501, 3000) n`;
  });
  await start();
  await count('later', 3000);
  await count('tag', 0);
  await stop('SIGTERM');
  await sql.end();
  console.log('ok');
}

main().catch(error => {
  console.error(error);
  try {
    process.kill(-zero.pid, 'SIGKILL');
  } catch {
    // it has ended already
  }
  process.exit(1);
});
