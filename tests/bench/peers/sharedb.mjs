// ShareDB with sharedb-postgres and ws, as their documentation has it. The documents that the clients will subscribe to are made before the first one comes: one id a line on stdin.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { Duplex } from 'node:stream'
import ShareDB from 'sharedb'
import PostgresDB from 'sharedb-postgres'
import { WebSocketServer } from 'ws'

const [port, cert, key, host, database] = process.argv.slice(2)
const backend = new ShareDB({ db: new PostgresDB({ host, database, user: 'postgres', max: 10 }) })

function streamOf (socket) {
  const stream = new Duplex({
    objectMode: true,
    read () {},
    write (message, _, done) {
      if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
      done()
    },
  })
  socket.on('message', data => stream.push(JSON.parse(data)))
  socket.on('close', () => { stream.push(null); stream.end(); stream.destroy() })
  stream.on('error', () => socket.terminate())
  return stream
}

const maker = backend.connect()
for (const id of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  await new Promise((resolve, reject) => maker.get('s', id).create({}, error => error ? reject(error) : resolve()))
}
maker.close()

const https = createServer({ cert: readFileSync(cert), key: readFileSync(key), minVersion: 'TLSv1.3' })
new WebSocketServer({ server: https, perMessageDeflate: false }).on('connection', socket => backend.listen(streamOf(socket)))
https.listen({ port, host: '127.0.0.1', backlog: 4096 }, () => console.log('ready'))
