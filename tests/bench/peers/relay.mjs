// INSERT-then-relay: what one writes in an afternoon. Durable before visible, one order a session, the author's own copy is the answer. node relay.mjs PORT CERTIFICATE KEY SOCKETS DATABASE
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import pg from 'pg'
import { WebSocketServer } from 'ws'

const [port, cert, key, host, database] = process.argv.slice(2)
const pool = new pg.Pool({ host, database, user: 'postgres', max: 10 })
const https = createServer({ cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.3' })
const sockets = new WebSocketServer({ server: https, perMessageDeflate: false })
const rooms = new Map()

await pool.query('create table op (n bigint generated always as identity primary key, room text not null, body jsonb not null)')
await pool.query('create index op_room on op (room, n)')

sockets.on('connection', async (socket, request) => {
  const name = request.url
  const room = rooms.get(name) ?? rooms.set(name, { members: new Set(), last: Promise.resolve() }).get(name)
  const { rows } = await pool.query('select body from op where room = $1 order by n', [name])
  socket.send(JSON.stringify(rows.map(row => row.body)))
  room.members.add(socket)
  socket.on('close', () => room.members.delete(socket))
  socket.on('message', data => {
    const text = data.toString()
    const insert = { name: 'op', text: "insert into op (room, body) select $1, value from jsonb_array_elements(case when left($2, 1) = '[' then $2::jsonb else jsonb_build_array($2::jsonb) end)", values: [name, text] }
    const stored = pool.query(insert)
    room.last = Promise.all([room.last, stored]).then(() => { for (const member of room.members) member.send(text) })
  })
})
https.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'))
