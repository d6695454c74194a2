import { type Address, everyHost, hostOf, isToken, type ThreadAddress } from './bus.ts'

/*
 * Every NATS subject that Carillon uses is spelled here, and nowhere else.
 */

/** Longer ones are refused by us before a server drops the connection over them. */
const subjectCharactersMax = 256

/** The host token of application clients: their thread token is the secret tail of their inbox. */
export const clientHost = 'client'

/**
 * The subjects of one cluster in one account.
 * `a`: between hosts, in the account that applications cannot reach. `c`: the door for application clients.
 */
export interface SubjectScheme {
  readonly cluster: string
  readonly door: 'a' | 'c'
}

export const defaultCluster = 'carillon'

/** @throws {RangeError} the cluster's name is no token */
export function subjectScheme(cluster: string = defaultCluster, door: SubjectScheme['door'] = 'a'): SubjectScheme {
  if (!isToken(cluster)) throw new RangeError(`${JSON.stringify(cluster)} is no cluster name: use 1 to 64 of A-Z a-z 0-9 _ -`)
  return { cluster, door }
}

/** Where a thread's batches go. */
export function inboxSubject(scheme: SubjectScheme, thread: ThreadAddress): string {
  return isClient(thread) ? clientSubject(thread) : `${scheme.cluster}.${scheme.door}.${thread}.~`
}

/** One actor's own subject: a frame may be sent here by whoever does not batch. */
export function actorSubject(scheme: SubjectScheme, address: Address): string {
  return isClient(address) ? clientSubject(address) : `${scheme.cluster}.${scheme.door}.${address}`
}

/** What a thread subscribes to: its inbox, its actors' subjects, and what comes back undelivered. */
export function threadSubscriptions(scheme: SubjectScheme, thread: ThreadAddress): readonly string[] {
  if (!isClient(thread)) return [`${scheme.cluster}.${scheme.door}.${thread}.>`]
  const inbox = clientSubject(thread)
  return [inbox, `${inbox}.!.>`]
}

/** Where a thread hears what is told to the threads of its name on every host; undefined at the door, which has no such. */
export function everyHostSubscription(scheme: SubjectScheme, thread: ThreadAddress): string | undefined {
  return scheme.door === 'a' ? `${scheme.cluster}.a.${everyHost}${thread.slice(hostOf(thread).length)}.>` : undefined
}

/** The reply subject of a batch: the server answers here where nobody listens at `to`. */
export function undeliveredSubject(scheme: SubjectScheme, self: ThreadAddress, to: ThreadAddress): string {
  return isClient(self) ? `${clientSubject(self)}.!.${to}` : `${scheme.cluster}.${scheme.door}.${self}.!.${to}`
}

/** All undelivered subjects of a thread: for connections on which it only sends. */
export function undeliveredSubscription(scheme: SubjectScheme, self: ThreadAddress): string {
  return isClient(self) ? `${clientSubject(self)}.!.>` : `${scheme.cluster}.${scheme.door}.${self}.!.>`
}

/** Where a host tells the other hosts how to reach its own server. */
export function nearSubject(scheme: SubjectScheme, host: string): string {
  return `${scheme.cluster}.${scheme.door}.${host}.near`
}

/** The thread that an undelivered subject names; undefined where it is no such subject. */
export function undeliveredThread(subject: string): ThreadAddress | undefined {
  const at = subject.indexOf('.!.')
  return at < 0 ? undefined : (subject.slice(at + 3) as ThreadAddress)
}

function isClient(address: Address | ThreadAddress): boolean {
  return hostOf(address) === clientHost
}

/** `client.<token>` or `client.<token>.<actor>` → `_INBOX.<token>` */
function clientSubject(address: Address | ThreadAddress): string {
  const token = address.slice(clientHost.length + 1)
  const dot = token.indexOf('.')
  return `_INBOX.${dot < 0 ? token : token.slice(0, dot)}`
}

/** @param token an unguessable one, a fresh nuid for each connection */
export function clientThread(token: string): ThreadAddress {
  if (!isToken(token)) throw new RangeError('a client token is made of A-Z a-z 0-9 _ -')
  return `${clientHost}.${token}` as ThreadAddress
}

/** The door for any NATS client. */
export type KvOperation = 'get' | 'put' | 'create' | 'delete'

export const kvOperations: readonly KvOperation[] = Object.freeze(['get', 'put', 'create', 'delete'] as const)

/** Where a key that is no legal subject travels, as base64url. */
export const keyHeader = 'Carillon-Key'

/** A subject, and whether the key is in it; else it must go in the header `Carillon-Key`. */
export interface KeySubject {
  readonly subject: string
  readonly hasKey: boolean
}

/** @param key as text; undefined or illegal as a subject's tail: the subject ends at the bucket */
export function kvSubject(cluster: string, operation: KvOperation, bucket: string, key?: string): KeySubject {
  return withKey(`${cluster}.kv.${operation}.${bucket}`, key)
}

/** Where an accepted write is told. */
export function eventSubject(cluster: string, bucket: string, key?: string): KeySubject {
  return withKey(`${cluster}.event.${bucket}`, key)
}

function withKey(base: string, key: string | undefined): KeySubject {
  return key !== undefined && isSubjectTail(key, base.length + 1)
    ? { subject: `${base}.${key}`, hasKey: true }
    : { subject: base, hasKey: false }
}

/** Dot-separated tokens, none of them empty, of printable ASCII without space and wildcards. */
const tail = /^[!-)+,\-/-=?-~]+(?:\.[!-)+,\-/-=?-~]+)*$/

/**
 * Whether a key may stand at the end of a subject as it is.
 * @param charactersBefore how much of the subject's length is taken
 */
export function isSubjectTail(key: string, charactersBefore = 0): boolean {
  return key.length + charactersBefore <= subjectCharactersMax && tail.test(key)
}

/** What a client asks for by its subject. */
export interface KvRequestSubject {
  readonly operation: KvOperation
  readonly bucket: string
  /** Absent where the key is in the header. */
  readonly key: string | undefined
}

/** @returns undefined where it is no subject of the key-value door */
export function parseKvSubject(cluster: string, subject: string): KvRequestSubject | undefined {
  const base = `${cluster}.kv.`
  if (!subject.startsWith(base)) return undefined
  const operationEnd = subject.indexOf('.', base.length)
  if (operationEnd < 0) return undefined
  const operation = subject.slice(base.length, operationEnd)
  if (!isKvOperation(operation)) return undefined
  const bucketEnd = subject.indexOf('.', operationEnd + 1)
  if (bucketEnd < 0) return { operation, bucket: subject.slice(operationEnd + 1), key: undefined }
  return { operation, bucket: subject.slice(operationEnd + 1, bucketEnd), key: subject.slice(bucketEnd + 1) }
}

function isKvOperation(text: string): text is KvOperation {
  return (kvOperations as readonly string[]).includes(text)
}

/** All requests of the key-value door. */
export function kvWildcard(cluster: string): string {
  return `${cluster}.kv.>`
}

/** Requests of one operation. */
export function kvOperationWildcard(cluster: string, operation: KvOperation): string {
  return `${cluster}.kv.${operation}.>`
}

/** What to subscribe to for all events, or for those of one bucket: keys in the subject and keys in the header. */
export function eventSubscriptions(cluster: string, bucket?: string): readonly string[] {
  return bucket === undefined ? [`${cluster}.event.>`] : [`${cluster}.event.${bucket}`, `${cluster}.event.${bucket}.>`]
}

/** Where clients ask for the ring. */
export function ringSubject(cluster: string): string {
  return `${cluster}.ring`
}

/** @param command a token: `status`, `plan`… */
export function adminSubject(cluster: string, command: string): string {
  return `${cluster}.admin.${command}`
}

export function adminWildcard(cluster: string): string {
  return `${cluster}.admin.>`
}

/** The NATS services convention: asked of all services, of those with a name, of one. */
export function serviceSubjects(verb: 'PING' | 'INFO' | 'STATS', name: string, id: string): readonly string[] {
  return [`$SRV.${verb}`, `$SRV.${verb}.${name}`, `$SRV.${verb}.${name}.${id}`]
}

/** In the system account: what a nats-server says of itself. @param page as its monitor names it: `varz`, `connz`… */
export function monitorSubject(serverId: string, page: string): string {
  return `$SYS.REQ.SERVER.${serverId}.${page.toUpperCase()}`
}

/** Members of a group share requests between them: each request goes to one. */
export function queueGroup(cluster: string, what: 'kv' | 'admin' | 'ring'): string {
  return `${cluster}-${what}`
}

/** What each request goes to one host for, whichever: a client's questions, by the first token of their subjects. */
function requestSubjects(name: string): string[] {
  return [kvWildcard(name), ringSubject(name), adminWildcard(name)]
}

/**
 * Where a nats-server gives requests another subject: [from, to]. So they stay in the datacenter of the server that the client is connected to; a
 * gateway would take them to another one where nobody here listens, as while all hosts here start.
 * @param heardUnder the first token of the subjects that the hosts of the datacenter listen to
 */
export function requestMappings(cluster: string, heardUnder: string): readonly (readonly [string, string])[] {
  const to = requestSubjects(heardUnder)
  return requestSubjects(cluster).map((from, index) => [from, to[index]!])
}

/**
 * What an application client may do; everything else is denied it.
 * @param heardUnder what a server makes of a request's subject is looked at, too
 */
export function applicationPermissions(
  cluster: string,
  heardUnder = cluster
): {
  readonly publish: readonly string[]
  readonly subscribe: readonly string[]
} {
  const names = heardUnder === cluster ? [cluster] : [cluster, heardUnder]
  return {
    publish: [...names.flatMap(requestSubjects), `${cluster}.c.*.*.~`, '$SRV.>', '_INBOX.>'],
    subscribe: ['_INBOX.>', `${cluster}.event.>`]
  }
}
