// What a connection costs by node-postgres, without TLS and with it in turn: node connect.cjs ROUNDS CONNECTIONS NAME=PORT... A line of JSON for each round and server. Run by bench/tls.
'use strict';

const { Client } = require('pg');

const [rounds, count, ...targets] = process.argv.slice(2);

async function sample(port, ssl, n) {
  const begin = process.hrtime.bigint();
  for (let i = 0; i < n; i++) {
    const client = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', ssl: ssl && { rejectUnauthorized: false } });
    await client.connect();
    await client.query('select 1');
    await client.end();
  }
  return Number(process.hrtime.bigint() - begin) / 1e6 / n;
}

async function main() {
  for (let round = 0; round <= Number(rounds); round++) {
    for (const target of targets) {
      const [name, port] = target.split('=');
      const row = { target: name };
      for (const kind of round % 2 ? ['tls', 'plain'] : ['plain', 'tls']) {
        row[kind] = await sample(Number(port), kind === 'tls', Number(count));
      }
      if (round) { // the first warms up
        console.log(JSON.stringify(row));
      }
    }
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
