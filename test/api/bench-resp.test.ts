import assert from 'node:assert/strict'
import fc from 'fast-check'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { RespConnection } from '../../api/bench/resp-connection.ts'
import { RespError, RespReader, RespWriter, type RespReply } from '../../api/bench/resp.ts'

/** As a server would write it. */
function encoded(reply: RespReply): Buffer {
  if (reply === null) return Buffer.from('$-1\r\n')
  if (typeof reply === 'number') return Buffer.from(`:${reply}\r\n`)
  if (typeof reply === 'string') return Buffer.from(`+${reply}\r\n`, 'latin1')
  if (reply instanceof RespError) return Buffer.from(`-${reply.message}\r\n`)
  if (reply instanceof Uint8Array) return Buffer.concat([Buffer.from(`$${reply.length}\r\n`), reply, Buffer.from('\r\n')])
  return Buffer.concat([Buffer.from(`*${reply.length}\r\n`), ...reply.map(encoded)])
}

const line = fc.string({ unit: fc.constantFrom('a', ' ', 'O', 'K', '-', ':', '$', '*', '+', '0') })
const single = fc.oneof(
  line,
  fc.maxSafeInteger(),
  fc.constant(null),
  fc.uint8Array({ maxLength: 200 }),
  line.map(text => new RespError(`ERR ${text}`))
)
const reply: fc.Arbitrary<RespReply> = fc.oneof(single, fc.array(fc.oneof(single, fc.array(single, { maxLength: 3 }))))

function plain(value: RespReply): unknown {
  if (value instanceof RespError) return { error: value.message, code: value.code }
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  return Array.isArray(value) ? value.map(plain) : value
}

t.test('replies in pieces of any size → the same replies, in order', async t => {
  fc.assert(
    fc.property(fc.array(reply, { maxLength: 12 }), fc.array(fc.nat(), { maxLength: 20 }), (replies, cuts) => {
      const bytes = Buffer.concat(replies.map(encoded))
      const at = [...new Set(cuts.map(cut => cut % (bytes.length + 1)))].toSorted((a, b) => a - b)
      const reader = new RespReader()
      const seen: unknown[] = []
      let from = 0
      for (const to of [...at, bytes.length]) {
        reader.feed(Buffer.from(bytes.subarray(from, to)), each => seen.push(plain(each)))
        from = to
      }
      assert.deepEqual(seen, replies.map(plain))
    })
  )
  t.pass('holds')
})

t.test('commands written → a server reads a list of the same words, whatever bytes are in them', async t => {
  const word = fc.oneof(fc.string({ unit: 'grapheme' }), fc.uint8Array({ maxLength: 9_000 }))
  fc.assert(
    fc.property(fc.array(fc.array(word, { minLength: 1, maxLength: 4 }), { maxLength: 8 }), fc.nat(7), (commands, every) => {
      const writer = new RespWriter()
      const pieces: Buffer[] = []
      for (const [index, words] of commands.entries()) {
        writer.add(...words)
        if (index % 8 === every) pieces.push(writer.take())
      }
      pieces.push(writer.take())
      assert.ok(writer.isEmpty)
      const seen: unknown[] = []
      // What was taken must not change by what is written later.
      new RespReader().feed(Buffer.concat(pieces), each => seen.push(plain(each)))
      assert.deepEqual(
        seen,
        commands.map(words => words.map(each => Buffer.from(each as Uint8Array).toString('hex')))
      )
    })
  )
  t.pass('holds')
})

t.test('bytes that are no replies → refused, with what is wrong', async t => {
  for (const text of [
    'hello\r\n',
    '$5\r\nabcdefg\r\n',
    ':12x\r\n',
    ':\r\n',
    '$-2\r\n',
    '*99999999999\r\n',
    '+a\rb\r\n',
    '*1\r\n'.repeat(20)
  ])
    t.throws(() => new RespReader().feed(Buffer.from(text), () => {}), RangeError, JSON.stringify(text))
  t.throws(() => new RespReader().feed(Buffer.alloc(70_000, '+'), () => {}), /line/)
  t.equal(new RespError('NOREPLICAS too few').code, 'NOREPLICAS')
})

interface Served {
  readonly port: number
  readonly sockets: Set<Socket>
}

/** A server that answers each chunk by `answer`. */
async function served(t: Test, answer: (chunk: Buffer, socket: Socket) => void): Promise<Served> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('data', chunk => answer(chunk, socket))
    socket.on('error', () => {})
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, sockets }
}

t.test('one connection, commands of one turn → they leave in one piece, and each has its own answer', async t => {
  let chunks = 0
  const { port } = await served(t, (chunk, socket) => {
    chunks += 1
    new RespReader().feed(chunk, words => socket.write(encoded((words as readonly RespReply[])[1]!)))
  })
  const connection = await RespConnection.connect(port)
  t.teardown(() => connection.close())
  const answers = await Promise.all(['a', 'b', 'c'].map(word => connection.ask('ECHO', word)))
  t.same(
    answers.map(plain),
    ['a', 'b', 'c'].map(word => Buffer.from(word).toString('hex'))
  )
  t.equal(chunks, 1)
})

t.test('a server that closes, refuses or answers nonsense → every command under way rejects, and later ones too', async t => {
  const { port } = await served(t, (chunk, socket) => {
    const text = chunk.toString()
    if (text.includes('REFUSE')) socket.write('-NOPERM not you\r\n')
    else if (text.includes('NONSENSE')) socket.write('what?\r\n')
    else socket.destroy()
  })
  const [refused, confused, closed] = await Promise.all([1, 2, 3].map(() => RespConnection.connect(port)))
  await t.rejects(refused!.ask('REFUSE'), { code: 'NOPERM' })
  t.ok(refused!.isOpen)
  await t.rejects(confused!.ask('NONSENSE'), { code: 'bad_reply' })
  await t.rejects(Promise.all([closed!.ask('QUIT'), closed!.ask('QUIT')]), { code: 'connection_closed' })
  await t.rejects(closed!.ask('PING'), { code: 'connection_closed' })
  t.notOk(closed!.isOpen)
  refused!.close()
  await t.rejects(refused!.ask('PING'), { code: 'connection_closed' })
})
