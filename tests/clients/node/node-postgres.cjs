// node-postgres against DATABASE_URL: queries, named statements, types, errors, transactions, a pool, LISTEN, cancel. Prints "ok".
'use strict';

const assert = require('node:assert/strict');
const { Client, Pool } = require('pg');

const connectionString = process.env.DATABASE_URL;

async function withClient(body) {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return await body(client);
  } finally {
    await client.end();
  }
}

async function values(client) {
  const { rows } = await client.query(
    'select $1::int as i, $2::text as t, $3::jsonb as j, $4::bytea as b, $5::text[] as a, $6::timestamptz as d, $7::int8 as big, null as n',
    [42, 'Größe 🐘', { a: [1, 'x'] }, Buffer.from([0, 255, 1]), ['a', 'b,c'], new Date(0), '9007199254740993']);
  assert.deepEqual(rows[0], {
    i: 42, t: 'Größe 🐘', j: { a: [1, 'x'] }, b: Buffer.from([0, 255, 1]), a: ['a', 'b,c'], d: new Date(0), big: '9007199254740993', n: null,
  });
  const several = await client.query('select 1 as a; select 2 as b');
  assert.deepEqual(several.map((result) => result.rows[0]), [{ a: 1 }, { b: 2 }]);
  const many = await client.query("select i, repeat('x', i % 100) as v from generate_series(1, 20000) i");
  assert.equal(many.rowCount, 20000);
}

async function namedStatements(client) {
  for (let i = 0; i < 100; i++) {
    const { rows } = await client.query({ name: 'add', text: 'select $1::int + $2::int as sum', values: [i, 1] });
    assert.equal(rows[0].sum, i + 1);
  }
}

async function errors(client) {
  await client.query('create table t (id int primary key, v text not null)');
  await client.query("insert into t values (1, 'one')");
  await assert.rejects(client.query('insert into t values ($1, $2)', [1, 'again']), { code: '23505', constraint: 't_pkey', table: 't' });
  await assert.rejects(client.query('selec 1'), { code: '42601', position: '1' });
  await client.query('begin');
  await assert.rejects(client.query('insert into t values (2, null)'), { code: '23502', column: 'v' });
  await assert.rejects(client.query('select 1'), { code: '25P02' });
  await client.query('rollback');
  assert.equal((await client.query('select count(*)::int as n from t')).rows[0].n, 1);
}

async function notifications(client) {
  await client.query('listen node_channel');
  const received = new Promise((resolve) => client.once('notification', resolve));
  await withClient((other) => other.query("select pg_notify('node_channel', 'payload')"));
  const message = await received;
  assert.equal(message.channel, 'node_channel');
  assert.equal(message.payload, 'payload');
}

async function cancel(client) {
  const pid = client.processID;
  const running = client.query('select pg_sleep(600)');
  const rejected = assert.rejects(running, { code: '57014' });
  await withClient(async (other) => {
    for (;;) {
      const { rows } = await other.query("select exists (select from pg_stat_activity where pid = $1 and wait_event = 'PgSleep') as sleeps", [pid]);
      if (rows[0].sleeps) break;
    }
    await other.query('select pg_cancel_backend($1)', [pid]);
  });
  await rejected;
}

async function pool() {
  const shared = new Pool({ connectionString, max: 8 });
  try {
    const results = await Promise.all(Array.from({ length: 200 }, (_, i) => shared.query('select $1::int * 2 as v, pg_backend_pid() as pid', [i])));
    results.forEach((result, i) => assert.equal(result.rows[0].v, i * 2));
    assert.equal(new Set(results.map((result) => result.rows[0].pid)).size, 8);
    await shared.query('create table counter (n int)');
    await shared.query('insert into counter values (0)');
    await Promise.all(Array.from({ length: 100 }, () => shared.query('update counter set n = n + 1')));
    assert.equal((await shared.query('select n from counter')).rows[0].n, 100);
  } finally {
    await shared.end();
  }
}

async function main() {
  await withClient(values);
  await withClient(namedStatements);
  await withClient(errors);
  await withClient(notifications);
  await withClient(cancel);
  await pool();
  console.log('ok');
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
