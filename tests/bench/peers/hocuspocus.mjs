// Hocuspocus with extension-database on PostgreSQL, as its documentation has it; behind node:https, since its own server speaks plain HTTP only. Everything else is as it comes
// (updates of one turn of the loop are merged into one message, documents are stored two seconds after the last change, ten at most).
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { Database } from '@hocuspocus/extension-database'
import { Server } from '@hocuspocus/server'
import pg from 'pg'

const [port, cert, key, host, database] = process.argv.slice(2)
const pool = new pg.Pool({ host, database, user: 'postgres', max: 10 })
await pool.query('create table document (name text primary key, data bytea not null)')

const server = new Server({
  quiet: true,
  timeout: 600000, // our clients send no awareness while they are idle
  stopOnSignals: false,
  extensions: [new Database({
    fetch: async ({ documentName }) => (await pool.query('select data from document where name = $1', [documentName])).rows[0]?.data ?? null,
    store: async ({ documentName, state }) => {
      await pool.query('insert into document (name, data) values ($1, $2) on conflict (name) do update set data = $2', [documentName, state])
    },
  })],
})
const https = createServer({ cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.3' })
https.on('upgrade', (...upgrade) => server.httpServer.emit('upgrade', ...upgrade))
https.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'))
