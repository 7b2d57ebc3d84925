// PGlite in Node, driven by harness/driven.py: one JSON command a line on stdin, one JSON answer a line on stdout.
//   node pglite.mjs DIR|memory [PORT] [NAME=VALUE ...]      opens the database "postgres", with these settings; with PORT it is also served by pglite-socket
import { PGlite } from '@electric-sql/pglite'
import { createInterface } from 'node:readline'
import path from 'node:path'

const [place, ...others] = process.argv.slice(2)
const port = others.find((a) => /^\d+$/.test(a))
const startParams = [...PGlite.defaultStartParams, ...others.filter((a) => a !== port).flatMap((setting) => ['-c', setting])]
const databases = new Map()

// A cluster of PGlite has one session and no way to change its database: every database of ours is a cluster.
async function open(name) {
  const db = await PGlite.create(place === 'memory' ? 'memory://' : path.join(place, name), { startParams })
  databases.set(name, db)
  return db
}

// The part of pgbench's script language that ../scripts use: \set NAME EXPRESSION with random(), and :NAME in statements.
function parse(text) {
  return text.trim().split('\n').map((line) => {
    const set = line.match(/^\\set (\w+) (.*)$/)
    if (set) {
      const names = []
      const body = set[2].replace(/:(\w+)/g, (_, n) => (names.push(n), `v.${n}`))
      return { set: set[1], value: new Function('v', 'random', `return ${body}`) }
    }
    const names = []
    const numbered = line.replace(/(?<!:):(\w+)/g, (_, n) => (names.includes(n) || names.push(n), `$${names.indexOf(n) + 1}`))
    return { line: line.replace(/;$/, ''), numbered: numbered.replace(/;$/, ''), names }
  })
}

const random = (low, high) => low + Math.floor(Math.random() * (high - low + 1))

async function loop({ database, script, scale, protocol, seconds, before }) {
  const db = databases.get(database)
  if (before) await db.exec(before)
  const steps = parse(script)
  const variables = { scale }
  return measured(async () => {
    for (const step of steps) {
      if (step.set) variables[step.set] = step.value(variables, random)
      else if (protocol === 'simple') await db.exec(step.line.replace(/(?<!:):(\w+)/g, (_, n) => variables[n]))
      else await db.query(step.numbered, step.names.map((n) => variables[n]))
    }
  }, seconds * 1000)
}

// As many calls as are begun in some time, at least one. Milliseconds; processor time is the whole program's.
async function measured(work, time = 0) {
  const processor = process.cpuUsage(), begin = performance.now()
  let count = 0, elapsed
  do {
    await work()
    count++
    elapsed = performance.now() - begin
  } while (elapsed < time)
  const { user, system } = process.cpuUsage(processor)
  return { count, elapsed, processor: (user + system) / 1000 }
}

const operations = {
  open: async ({ database }) => { await open(database) },
  exec: async ({ database, sql }) => { await databases.get(database).exec(sql) },
  loop,
  time: async ({ database, before, statement, after }) => {
    const db = databases.get(database)
    if (before) await db.exec(before)
    const measurement = await measured(() => db.exec(statement))
    if (after) await db.exec(after)
    return measurement
  },
  copyOut: ({ database, source }) => measured(() => databases.get(database).query(`COPY ${source} TO '/dev/blob'`)),
  copyIn: async ({ database, rows }) => {
    const lines = []
    for (let i = 0; i < rows; i++) lines.push(`${i}\t${(i * 7919) % 1000003}\tthe text of row number ${i}\n`)
    const blob = new Blob([lines.join('')])
    await databases.get(database).exec('DROP TABLE IF EXISTS copied; CREATE TABLE copied (id int, k int, t text)')
    return measured(() => databases.get(database).query("COPY copied FROM '/dev/blob'", [], { blob }))
  },
}

const first = await open('postgres')
await first.query('select 1')
let server
if (port) {
  const { PGLiteSocketServer } = await import('@electric-sql/pglite-socket')
  server = new PGLiteSocketServer({ db: first, port: Number(port), host: '127.0.0.1', maxConnections: 100 })
  await server.start()
}
console.log(JSON.stringify({ value: 'ready' }))

async function stop() {
  await server?.stop()
  for (const db of databases.values()) await db.close()
  process.exit(0)
}
process.on('SIGTERM', stop)
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line)
  try {
    console.log(JSON.stringify({ value: (await operations[command.operation](command)) ?? null }))
  } catch (e) {
    console.log(JSON.stringify({ error: String(e) }))
  }
}
await stop()
