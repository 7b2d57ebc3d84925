// postgres.js' realtime subscriptions against DATABASE_URL: all events, one table, one row. Prints "ok".
const assert = require('node:assert');
const postgres = require('postgres');

const sql = postgres(process.env.DATABASE_URL, { max: 2, publications: 'alltables', onnotice: () => {} });

async function until(condition, what) {
  const deadline = Date.now() + 60000;
  while (!await condition()) {
    assert.ok(Date.now() < deadline, `not in time: ${what}`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

async function main() {
  await sql`create table notes (id int primary key, v text, j jsonb)`;
  await sql`create table others (id int primary key)`;
  await sql`create publication alltables for all tables`;
  const all = [], inserts = [], one = [];
  const { unsubscribe } = await sql.subscribe('*', (row, { command, relation }) => all.push([command, relation.table, row.id]));
  await sql.subscribe('insert:notes', row => inserts.push(row));
  await sql.subscribe('update:notes=2', row => one.push(row.v));
  await sql`insert into notes values (1, 'one', '{"a": [1]}'), (2, 'two', null)`;
  await sql`update notes set v = 'zwei' where id = 2`;
  await sql`delete from notes where id = 1`;
  await sql`insert into others values (7)`;
  await until(() => all.length === 5, 'five events');
  assert.deepStrictEqual(all, [['insert', 'notes', 1], ['insert', 'notes', 2], ['update', 'notes', 2], ['delete', 'notes', 1], ['insert', 'others', 7]]);
  assert.deepStrictEqual(inserts, [{ id: 1, v: 'one', j: { a: [1] } }, { id: 2, v: 'two', j: null }]);
  assert.deepStrictEqual(one, ['zwei']);

  // Its own reconnecting after a terminated walsender works with no server, native ones included: not tried.
  await sql`insert into notes select n, repeat('x', 1000), null from generate_series(3, 3000) n`;
  await until(() => inserts.length === 3000, 'the rows of a larger transaction');
  assert.strictEqual(inserts[2999].id, 3000);
  await unsubscribe();
  await sql.end();
  console.log('ok');
}

main().catch(error => { console.error(error); process.exit(1); });
