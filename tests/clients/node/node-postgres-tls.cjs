// node-postgres over TLS: the authority in AUTHORITY, the name NAME in the server's certificate, user "scram" with the password "word"; at EXPIREDPORT a server whose certificate is too old. Prints "ok".
'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Client } = require('pg');

const base = { host: '127.0.0.1', port: Number(process.env.PGPORT), user: 'scram', password: 'word', database: 'postgres' };
const ca = fs.readFileSync(process.env.AUTHORITY, 'utf8');
const stranger = fs.readFileSync(process.env.STRANGER, 'utf8');

async function main() {
  const client = new Client({ ...base, ssl: { ca, servername: process.env.NAME } });
  await client.connect();
  const { rows } = await client.query('select version, length($1) as n from pg_stat_ssl where pid = pg_backend_pid()', ['x'.repeat(1000000)]);
  assert.deepEqual(rows[0], { version: 'TLSv1.3', n: 1000000 });
  await client.end();

  for (const [change, ssl, code] of [
    [{}, { ca: [], servername: process.env.NAME }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [{}, { ca: stranger, servername: process.env.NAME }, 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    [{}, { ca, servername: 'other.example' }, 'ERR_TLS_CERT_ALTNAME_INVALID'],
    [{ port: Number(process.env.EXPIREDPORT) }, { ca, servername: process.env.NAME }, 'CERT_HAS_EXPIRED'],
  ]) {
    await assert.rejects(new Client({ ...base, ...change, ssl }).connect(), { code });
  }
  console.log('ok');
}

main().catch((error) => { console.error(error); process.exit(1); });
