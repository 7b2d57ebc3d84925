// Makes a data directory with PGlite.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [installed, directory] = process.argv.slice(2);
const require = createRequire(`${installed}/`);
const { PGlite } = await import(pathToFileURL(require.resolve('@electric-sql/pglite')));
const db = await PGlite.create(directory);
await db.close();
