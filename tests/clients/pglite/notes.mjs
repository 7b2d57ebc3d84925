// PGlite on a data directory: adds 1000 notes and prints how many there are. With "kill" it ends as if killed, without closing.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [installed, directory, end] = process.argv.slice(2);
const require = createRequire(`${installed}/`);
const { PGlite } = await import(pathToFileURL(require.resolve('@electric-sql/pglite')));
const db = await PGlite.create(directory);
await db.exec(`
  create table if not exists notes (id serial primary key, body text, at timestamptz default now(), price float8, tags jsonb);
  create index if not exists notes_body on notes (body);
  insert into notes (body, price, tags) select 'note ' || i, i / 8.0, jsonb_build_object('n', i) from generate_series(1, 1000) i`);
console.log((await db.query('select count(*)::int n from notes')).rows[0].n);
if (end === 'kill') process.kill(process.pid, 'SIGKILL');
await db.close();
