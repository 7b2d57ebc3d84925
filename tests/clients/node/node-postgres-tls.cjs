// node-postgres over TLS: the authority in AUTHORITY, the name NAME in the server's certificate, user "scram" with the password "word". Prints "ok".
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Client } = require('pg');

const base = { host: '127.0.0.1', port: Number(process.env.PGPORT), user: 'scram', password: 'word', database: 'postgres' };
const ca = fs.readFileSync(process.env.AUTHORITY, 'utf8');

async function main() {
  const client = new Client({ ...base, ssl: { ca, servername: process.env.NAME } });
  await client.connect();
  const { rows } = await client.query('select version, length($1) as n from pg_stat_ssl where pid = pg_backend_pid()', ['x'.repeat(1000000)]);
  assert.deepEqual(rows[0], { version: 'TLSv1.3', n: 1000000 });
  await client.end();

  const stranger = new Client({ ...base, ssl: { ca: [], servername: process.env.NAME } });
  await assert.rejects(stranger.connect(), /certificate/);
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
