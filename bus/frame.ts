import type { ThreadAddress } from './bus.ts'
import { Writer } from './codec.ts'
import { noteBytes } from './credit.ts'

/*
 * A frame: magic u8, version u8, flags u8 (below), the sender's thread (u8 length, text), the note of credit where flagged, then messages to
 * the end. An earlier version does not look at the flags: what they announce has to be something that it passes over.
 */
export const magic = 0xca
export const version = 1
export const hasNote = 1
/** Its sender wants to hear how much has arrived. */
export const isAsking = 2
export const flagsAt = 2
/** Where the sender's name stands. */
export const senderAt = 3

/** The sender's name, as it stands in its frames. */
export function senderBytes(sender: ThreadAddress): Buffer {
  const name = new Writer(256)
  name.token(sender, 0)
  return Buffer.from(name.view())
}

/** Whether a frame holds a note and no message: nobody waits for what comes of it. */
export function isNoteAlone(frame: Buffer): boolean {
  return frame.length === senderAt + 1 + (frame[senderAt] ?? 0) + noteBytes && ((frame[flagsAt] ?? 0) & hasNote) !== 0
}
