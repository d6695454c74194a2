import fc from 'fast-check'
import t from 'tap'
import { addressOf, threadAddressOf } from '../../bus/bus.ts'
import {
  actorSubject,
  clientThread,
  eventSubject,
  inboxSubject,
  isSubjectTail,
  kvSubject,
  parseKvSubject,
  subjectScheme,
  threadSubscriptions,
  undeliveredSubject,
  undeliveredThread
} from '../../bus/subject.ts'

const thread = threadAddressOf('a', 'data-0')
const client = clientThread('k3VxYq8Z')

t.test('subjects: a thread, its actors, what comes back → spelled as documented, and within its subscription', async t => {
  const scheme = subjectScheme()
  t.equal(inboxSubject(scheme, thread), 'carillon.a.a.data-0.~')
  t.equal(actorSubject(scheme, addressOf(thread, 'vnode-7')), 'carillon.a.a.data-0.vnode-7')
  t.strictSame(threadSubscriptions(scheme, thread), ['carillon.a.a.data-0.>'])
  const back = undeliveredSubject(scheme, thread, threadAddressOf('b', 'system'))
  t.equal(back, 'carillon.a.a.data-0.!.b.system')
  t.equal(undeliveredThread(back), 'b.system')
  t.equal(undeliveredThread('carillon.a.a.data-0.~'), undefined)
})

t.test('subjects: an application client → its inbox, through the door', async t => {
  const door = subjectScheme('bells', 'c')
  t.equal(inboxSubject(door, thread), 'bells.c.a.data-0.~')
  t.equal(inboxSubject(door, client), '_INBOX.k3VxYq8Z')
  t.equal(actorSubject(door, addressOf(client, 'requests')), '_INBOX.k3VxYq8Z')
  t.strictSame(threadSubscriptions(door, client), ['_INBOX.k3VxYq8Z', '_INBOX.k3VxYq8Z.!.>'])
  t.equal(undeliveredThread(undeliveredSubject(door, client, thread)), thread)
  t.equal(undeliveredThread(undeliveredSubject(door, thread, client)), client)
  t.throws(() => clientThread('a.b'), RangeError)
  t.throws(() => subjectScheme('two words'), RangeError)
})

t.test('I27: keys in subjects: only those that are legal subjects; the others go in the header', async t => {
  for (const key of ['alice', 'a.b.c', '/etc/passwd', '100%', '$SYS', '!#"\',;:<=?@[]{}|~']) {
    t.ok(isSubjectTail(key), key)
  }
  for (const key of [
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    '../x',
    '*',
    'a.*',
    '>',
    'a.>',
    'a>b',
    'a b',
    'a\tb',
    'a\r\nPUB x 0',
    'a\0',
    'é',
    '🎐',
    '\ud800',
    '\x7f'
  ]) {
    t.notOk(isSubjectTail(key), JSON.stringify(key))
  }
  t.strictSame(kvSubject('carillon', 'get', 'users', 'a.b'), { subject: 'carillon.kv.get.users.a.b', hasKey: true })
  t.strictSame(kvSubject('carillon', 'get', 'users', 'a b'), { subject: 'carillon.kv.get.users', hasKey: false })
  const base = 'carillon.kv.put.users.'.length
  t.ok(kvSubject('carillon', 'put', 'users', 'x'.repeat(256 - base)).hasKey)
  t.notOk(kvSubject('carillon', 'put', 'users', 'x'.repeat(257 - base)).hasKey)
})

t.test('subjects: any key → a legal subject, from which the same key is read, or none', async t => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary-ascii' })),
      fc.constantFrom('get' as const, 'delete' as const),
      (key, operation) => {
        const { subject, hasKey } = kvSubject('carillon', operation, 'users', key)
        t.match(subject, /^[!-~]+$/)
        t.ok(subject.split('.').every(token => token !== '' && !/[*>]/.test(token)))
        t.strictSame(parseKvSubject('carillon', subject), { operation, bucket: 'users', key: hasKey ? key : undefined })
        t.equal(eventSubject('carillon', 'users', key).subject, hasKey ? `carillon.event.users.${key}` : 'carillon.event.users')
      }
    ),
    { numRuns: 300 }
  )
  for (const subject of ['carillon.kv.get', 'carillon.kv.drop.users.x', 'carillon.a.b.c.~', 'other.kv.get.users.x']) {
    t.equal(parseKvSubject('carillon', subject), undefined)
  }
})
