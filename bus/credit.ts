import { type ThreadAddress } from './bus.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

/*
 * Each frame says how far its sender has come with this receiver, both ways, in a note right behind the frame's header:
 *   account       u32, new whenever either counts anew
 *   sent          u32, what was sent on it so far, this frame included; counts on beyond 2^32 from 0
 *   peer account  u32, the receiver's own account of which `taken` speaks; 0: none is known
 *   taken         u32, what has arrived of that one
 * All are sums, none is a difference: a note that is lost, doubled or overtaken is made good by the next.
 * The note has the form of a message to an actor `credit`, where there is none: so an earlier version, which looks past the frame's flags,
 * passes it over.
 */
const notePrefix = Buffer.from([
  // its length behind these three, control, the actor's name, plain; a map of one for `kind`, and one for what follows
  ...[0xaa, 0x80, 0, 1, 6, ...Buffer.from('credit'), 0, 0x82, 0xa4, ...Buffer.from('kind')],
  ...[0xa6, ...Buffer.from('credit'), 0xa1, 0x6e, 0xc4, 16]
])
notePrefix[0] = 0x80 | (notePrefix.length - 3 + 16)

/** Bytes of a note. */
export const noteBytes: number = notePrefix.length + 16

/** What one message counts for at least: many small ones cost their receiver more than their bytes. */
export const creditMessageBytesMin = 256

/** One thread's account with another: what it sends there, and what comes from there. */
export class CreditAccount {
  readonly thread: ThreadAddress
  readonly id: number
  /** Sent so far; 32 bits. */
  sent = 0
  /** Of that, known to have arrived. */
  taken = 0
  /** The other side keeps account, too; else nothing is known of what arrives, and nothing limited. */
  isMutual = false
  /** Counts news of what has arrived. */
  progress = 0
  /** The other side's account, and how far it has come; 0: none is known. */
  peer = 0
  seen = 0
  /** How far it was told that its own has arrived. */
  told = 0
  /** It wants to hear so now. */
  isAsked = false
  isOwing = false

  constructor(thread: ThreadAddress, id: number) {
    this.thread = thread
    this.id = id
  }

  /** Sent, and not known to have arrived. */
  get underWay(): number {
    return (this.sent - this.taken) >>> 0
  }
}

/** The accounts of one thread. */
export class CreditLedger {
  readonly #accounts = new Map<ThreadAddress, CreditAccount>()
  readonly #accountsMax: number
  readonly #tellAfterBytes: number
  #owing: CreditAccount[] = []
  #nextId: number

  /**
   * @param firstId another for each life of the thread
   * @param accountsMax beyond it nothing is kept of those to whom nothing is sent
   * @param tellAfterBytes when so much has arrived, the sender is told even if there is nothing else to send
   */
  constructor(firstId: number, accountsMax: number, tellAfterBytes: number) {
    this.#nextId = firstId
    this.#accountsMax = accountsMax
    this.#tellAfterBytes = tellAfterBytes
  }

  /** The account with a thread to which something is sent. */
  open(thread: ThreadAddress): CreditAccount {
    let account = this.#accounts.get(thread)
    if (account === undefined) {
      account = new CreditAccount(thread, this.#newId())
      this.#accounts.set(thread, account)
    }
    return account
  }

  /** All accounts end; those that follow are new ones, as others will see. */
  clear(): void {
    this.#accounts.clear()
    this.#owing = []
  }

  /** A frame without a note has come: its sender keeps no account (any more). */
  without(sender: ThreadAddress): void {
    const account = this.#accounts.get(sender)
    if (account === undefined || !account.isMutual) return
    account.isMutual = false
    account.progress++
  }

  /** What a note says. */
  take(sender: ThreadAddress, id: number, sent: number, peer: number, taken: number, isAsking: boolean): void {
    if (id === 0) return
    let account = this.#accounts.get(sender)
    if (account === undefined) {
      if (this.#accounts.size >= this.#accountsMax) return
      account = this.open(sender)
    }
    if (account.peer !== id) this.#meet(account, id, sent)
    else if (((sent - account.seen) | 0) > 0) account.seen = sent
    if (peer === account.id) {
      // Neither less than before nor more than was sent: a late note, or nonsense.
      const left = (account.sent - taken) >>> 0
      if (left < account.underWay) {
        account.taken = taken
        account.progress++
      }
    }
    if (isAsking) account.isAsked = true
    if (!account.isOwing && this.isOwed(account)) {
      account.isOwing = true
      this.#owing.push(account)
    }
  }

  /** Those who should be told what has arrived; the list is the caller's. */
  owing(): readonly CreditAccount[] {
    if (this.#owing.length === 0) return none
    const owing = this.#owing
    this.#owing = []
    for (const account of owing) account.isOwing = false
    return owing
  }

  /** Whether to tell it now; less than that goes with what is sent anyway. */
  isOwed(account: CreditAccount): boolean {
    return account.isAsked || (account.seen - account.told) >>> 0 >= this.#tellAfterBytes
  }

  /** Another life of that thread, or its first news: what was sent to the one before is nobody's any more. */
  #meet(account: CreditAccount, id: number, sent: number): void {
    account.peer = id
    account.seen = sent
    account.told = 0
    account.taken = account.sent
    account.isMutual = true
    account.progress++
  }

  #newId(): number {
    this.#nextId = (this.#nextId + 1) >>> 0
    if (this.#nextId === 0) this.#nextId = 1
    return this.#nextId
  }
}

const none: readonly CreditAccount[] = []

/** Leave room for a note. @returns where its numbers will stand */
export function reserveNote(writer: Writer): number {
  writer.raw(notePrefix)
  return writer.reserve(16)
}

/** @param account undefined: nobody's, as for what goes to every host */
export function writeNote(buffer: Buffer, at: number, account: CreditAccount | undefined): void {
  putU32(buffer, at, account?.id ?? 0)
  putU32(buffer, at + 4, account?.sent ?? 0)
  putU32(buffer, at + 8, account?.peer ?? 0)
  putU32(buffer, at + 12, account?.seen ?? 0)
}

/** The reader stands where the note begins; it ends behind it. @throws {MalformedFrame} it is none */
export function readNote(reader: Reader, sender: ThreadAddress, ledger: CreditLedger | undefined, isAsking: boolean): void {
  if (reader.remaining < noteBytes || reader.buffer[reader.position] !== notePrefix[0]) reader.fail('its note of credit is none')
  reader.position += notePrefix.length
  const id = reader.u32()
  const sent = reader.u32()
  const peer = reader.u32()
  const taken = reader.u32()
  ledger?.take(sender, id, sent, peer, taken, isAsking)
}

function putU32(buffer: Buffer, at: number, value: number): void {
  buffer[at] = value
  buffer[at + 1] = value >>> 8
  buffer[at + 2] = value >>> 16
  buffer[at + 3] = value >>> 24
}
